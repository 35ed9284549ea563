export interface Everybody {
}

export interface Everybody__Output {
}
