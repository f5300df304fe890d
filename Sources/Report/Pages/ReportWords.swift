import Configuration

/// The words of a report, which are the program's.
public protocol ReportWords {
  /// What a finding is about, in a few words: `Constant features`.
  func title(_ kind: FindingKind) -> String
  /// What was found, with its numbers.
  func reason(_ finding: Finding) -> String
  /// What to do about it.
  func advice(_ kind: FindingKind) -> String
  /// What a number is compared with.
  func measure(_ kind: FindingKind) -> String
  /// What it takes to judge what was not judged.
  func remedy(_ kinds: [FindingKind]) -> String
  /// Settings, each with its origin.
  func settings(_ settings: LayerSettings) -> [String]
}
