/// Which rows of a matrix [m, C] enter the batch's mean and variance: weights w of 0 or 1, one per row.
///
/// This one notion makes one graph serve every mode:
/// - all rows: ordinary batch statistics;
/// - the unmasked rows: padding counts in no statistic;
/// - no row: mean and variance do not depend on x at all, so nothing flows back through them.
public struct RowSelection: Equatable, Sendable {
  /// w: true where the row enters mean and variance.
  public let isIncluded: [Bool]
  /// Σw, the m of every formula.
  public let count: Int

  /// The rows for which `isIncluded`, [m], is true.
  public init(_ isIncluded: [Bool]) {
    self.isIncluded = isIncluded
    count = isIncluded.count { $0 }
  }

  /// Every one of `rowCount` rows.
  public static func all(rowCount: Int) -> RowSelection {
    RowSelection(Array(repeating: true, count: rowCount))
  }

  /// None of `rowCount` rows.
  public static func none(rowCount: Int) -> RowSelection {
    RowSelection(Array(repeating: false, count: rowCount))
  }
}
