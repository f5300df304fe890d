import Arithmetic

/// The sums of blocks of a matrix whose columns fill the lanes.
enum ColumnMoments {
  /// Rows that are summed in registers before the sums go back to memory: few enough to keep their memory pages and
  /// cache lines apart, enough to make the sums' loads and stores cheap.
  private static let rowsAtOnce = 8

  /// Adds `rows` rows to the sums of a block, for the columns of `groups`.
  /// - Parameters:
  ///   - x: [rows, stride], the first of these rows, from `offset` on.
  ///   - dy: as x, or nil if only the forward pass runs.
  ///   - columns: columns that exist; the last group may hold fewer than eight.
  ///   - begins: true if the rows are the block's first ones.
  ///   - sums: [groups.count]
  /// - Returns: false if a column may hold a value that is infinite or NaN.
  static func add(
    x: ReadableTensor, dy: ReadableTensor?, offset: Int, stride: Int, rows: Int, columns: Int,
    groups: Range<Int>, begins: Bool, to sums: UnsafeMutablePointer<BlockSums>
  ) -> Bool {
    switch x.type {
    case .float:
      add(
        x.pointer(Float.self) + offset, dy.map { $0.pointer(Float.self) + offset }, stride, rows, columns,
        groups, begins, sums)
    case .double:
      add(
        x.pointer(Double.self) + offset, dy.map { $0.pointer(Double.self) + offset }, stride, rows, columns,
        groups, begins, sums)
    }
  }

  @inline(__always)
  private static func add<E: Element>(
    _ x: UnsafePointer<E>, _ dy: UnsafePointer<E>?, _ stride: Int, _ rows: Int, _ columns: Int,
    _ groups: Range<Int>, _ begins: Bool, _ sums: UnsafeMutablePointer<BlockSums>
  ) -> Bool {
    if let dy {
      add(x, dy, stride, rows, columns, groups, begins, sums, gradient: true)
    } else {
      add(x, x, stride, rows, columns, groups, begins, sums, gradient: false)
    }
    // 0 unless a sum is infinite or NaN.
    var canary = Lanes.zero
    for index in 0..<groups.count {
      let both: Lanes = sums[index].sum + sums[index].gradientSum
      canary.addProduct(both, Lanes.zero)
    }
    return canary == .zero
  }

  @inline(__always)
  private static func add<E: Element>(
    _ x: UnsafePointer<E>, _ dy: UnsafePointer<E>, _ stride: Int, _ rows: Int, _ columns: Int,
    _ groups: Range<Int>, _ begins: Bool, _ blockSums: UnsafeMutablePointer<BlockSums>, gradient: Bool
  ) {
    let fullGroups = groups.lowerBound..<max(groups.lowerBound, min(groups.upperBound, columns / 8))
    if begins {
      for group in fullGroups {
        blockSums[group - groups.lowerBound] = BlockSums(
          shift: E.load(x + 8 * group), gradientShift: gradient ? E.load(dy + 8 * group) : .zero)
      }
    }
    var row = 0
    while row < rows {
      let end = min(row + rowsAtOnce, rows)
      for group in fullGroups {
        var sums = blockSums[group - groups.lowerBound]
        var position = row * stride + 8 * group
        for next in rowsAtOnce..<2 * rowsAtOnce {
          E.prefetch(x + (position + next * stride))
          if gradient { E.prefetch(dy + (position + next * stride)) }
        }
        for _ in row..<end {
          sums.add(E.load(x + position), gradient ? E.load(dy + position) : .zero, gradient: gradient)
          position += stride
        }
        blockSums[group - groups.lowerBound] = sums
      }
      row = end
    }
    if fullGroups.upperBound < groups.upperBound {
      // The last group holds fewer than eight columns.
      let group = fullGroups.upperBound
      let count = columns - 8 * group
      var position = 8 * group
      var sums =
        begins
        ? BlockSums(
          shift: E.load(x + position, count: count),
          gradientShift: gradient ? E.load(dy + position, count: count) : .zero)
        : blockSums[group - groups.lowerBound]
      for _ in 0..<rows {
        sums.add(
          E.load(x + position, count: count), gradient ? E.load(dy + position, count: count) : .zero,
          gradient: gradient)
        position += stride
      }
      blockSums[group - groups.lowerBound] = sums
    }
  }
}
