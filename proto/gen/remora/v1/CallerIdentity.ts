export interface CallerIdentity {
}

export interface CallerIdentity__Output {
}
