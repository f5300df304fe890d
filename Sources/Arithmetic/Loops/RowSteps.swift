/// How loops go down the rows of a matrix whose columns fill the lanes.
@frozen
public struct RowSteps: Sendable {
  /// Rows that are visited in a group of columns before the next group's turn: enough to make the loads of what belongs to the
  /// columns cheap, few enough to stay in the first-level cache with those that are prefetched.
  public let rows: Int
  /// How far ahead is prefetched, in numbers.
  public let ahead: Int

  /// - Parameters:
  ///   - stride: numbers from one row to the next.
  ///   - byteCount: bytes of a number.
  @inlinable @inline(__always)
  public init(stride: Int, byteCount: Int) {
    // Lines that are a page apart share one set of the cache, which holds eight (Intel before 2019) to twelve.
    rows = stride &* byteCount & 4095 == 0 ? 6 : 8
    // Narrow rows need more of them for the same time.
    ahead = max(rows, 8192 / max(1, stride &* byteCount)) &* stride
  }
}
