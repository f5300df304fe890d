/// How loops go down the rows of a matrix whose columns fill the lanes: a few rows of an octet of columns, then the same rows of the
/// next octet.
@frozen
public struct RowSteps: Sendable {
  /// Rows that are taken in an octet of columns before the next octet's turn: enough to make the loads of what belongs to the
  /// columns cheap, few enough for the first-level cache, where rows that are whole pages all fall into one set.
  @inlinable
  public static var rows: Int { @inline(__always) get { 8 } }

  /// How far ahead is prefetched, in numbers, where rows are taken from the first to the last.
  public let ahead: Int
  /// How far ahead is prefetched where they are taken from the last to the first.
  public let back: Int

  /// - Parameters:
  ///   - stride: numbers from one row to the next.
  ///   - byteCount: bytes of a number.
  @inlinable @inline(__always)
  public init(stride: Int, byteCount: Int) {
    if stride &* byteCount >= 2048 {
      // Wide rows are many streams, too many for the processor to foresee by itself: each is prefetched along itself.
      ahead = 512 / byteCount
      back = ahead
    } else {
      // Narrow rows lie together: the rows some 8 KiB further on, or back.
      ahead = max(Self.rows, 8192 / max(1, stride &* byteCount)) &* stride
      back = -ahead
    }
  }
}
