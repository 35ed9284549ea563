export interface CallingPod {
}

export interface CallingPod__Output {
}
