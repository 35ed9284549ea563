export interface ReportSummary {
}

export interface ReportSummary__Output {
}
