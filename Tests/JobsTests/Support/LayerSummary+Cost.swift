import Jobs

extension LayerSummary {
  /// All but what it cost to read and write, and how long it took, which depends on what was there before.
  var withoutCost: LayerSummary {
    var summary = self
    (summary.bytesRead, summary.bytesWritten, summary.seconds) = (0, 0, nil)
    return summary
  }
}
