import Arithmetic

/// The moments of blocks of a matrix whose columns fill the lanes.
enum ColumnMoments {
  /// Rows that are summed in registers before the sums go back to memory: few enough to keep their memory pages and
  /// cache lines apart, enough to make the sums' loads and stores cheap.
  private static let rowsAtOnce = 8

  /// Computes the moments of `rows` rows for the columns of `groups`.
  /// - Parameters:
  ///   - x: [rows, stride], the first row of the block.
  ///   - dy: as x, or nil if only the forward pass runs.
  ///   - columns: columns that exist; the last group may hold fewer than eight.
  ///   - scratch: [groups.count]
  ///   - node: [groups.count], the result.
  /// - Returns: false if a column may hold a value that is infinite or NaN.
  static func block(
    x: ReadableTensor, dy: ReadableTensor?, offset: Int, stride: Int, rows: Int, columns: Int,
    groups: Range<Int>,
    scratch: UnsafeMutablePointer<BlockSums>, node: MomentTree.Node
  ) -> Bool {
    switch x.type {
    case .float:
      block(
        x.pointer(Float.self) + offset, dy.map { $0.pointer(Float.self) + offset }, stride, rows, columns,
        groups,
        scratch, node)
    case .double:
      block(
        x.pointer(Double.self) + offset, dy.map { $0.pointer(Double.self) + offset }, stride, rows, columns,
        groups, scratch, node)
    }
  }

  @inline(__always)
  private static func block<E: Element>(
    _ x: UnsafePointer<E>, _ dy: UnsafePointer<E>?, _ stride: Int, _ rows: Int, _ columns: Int,
    _ groups: Range<Int>, _ scratch: UnsafeMutablePointer<BlockSums>, _ node: MomentTree.Node
  ) -> Bool {
    if let dy {
      sum(x, dy, stride, rows, columns, groups, scratch, gradient: true)
    } else {
      sum(x, x, stride, rows, columns, groups, scratch, gradient: false)
    }
    var isFinite = true
    for index in 0..<groups.count {
      node[index] = scratch[index].moments(count: rows)
      isFinite = isFinite && scratch[index].isFinite
    }
    return isFinite
  }

  @inline(__always)
  private static func sum<E: Element>(
    _ x: UnsafePointer<E>, _ dy: UnsafePointer<E>, _ stride: Int, _ rows: Int, _ columns: Int,
    _ groups: Range<Int>, _ scratch: UnsafeMutablePointer<BlockSums>, gradient: Bool
  ) {
    let fullGroups = groups.lowerBound..<max(groups.lowerBound, min(groups.upperBound, columns / 8))
    for group in fullGroups {
      let shift = E.load(x + 8 * group)
      let gradientShift = gradient ? E.load(dy + 8 * group) : .zero
      scratch[group - groups.lowerBound] = BlockSums(shift: shift, gradientShift: gradientShift)
    }
    var row = 0
    while row < rows {
      let end = min(row + rowsAtOnce, rows)
      for group in fullGroups {
        var sums = scratch[group - groups.lowerBound]
        var position = row * stride + 8 * group
        for next in rowsAtOnce..<2 * rowsAtOnce {
          E.prefetch(x + (position + next * stride))
          if gradient { E.prefetch(dy + (position + next * stride)) }
        }
        for _ in row..<end {
          sums.add(E.load(x + position), gradient ? E.load(dy + position) : .zero, gradient: gradient)
          position += stride
        }
        scratch[group - groups.lowerBound] = sums
      }
      row = end
    }
    if fullGroups.upperBound < groups.upperBound {
      // The last group holds fewer than eight columns.
      let group = fullGroups.upperBound
      let count = columns - 8 * group
      var position = 8 * group
      var sums = BlockSums(
        shift: E.load(x + position, count: count),
        gradientShift: gradient ? E.load(dy + position, count: count) : .zero)
      for _ in 0..<rows {
        sums.add(
          E.load(x + position, count: count), gradient ? E.load(dy + position, count: count) : .zero,
          gradient: gradient)
        position += stride
      }
      scratch[group - groups.lowerBound] = sums
    }
  }
}
