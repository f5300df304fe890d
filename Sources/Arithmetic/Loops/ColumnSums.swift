/// Rows of a matrix whose columns fill the lanes, and the sums of the block that they belong to.
@frozen
public struct ColumnSums<E: Element, Compiled> {
  @usableFromInline let x: UnsafePointer<E>
  @usableFromInline let dy: UnsafePointer<E>?
  @usableFromInline let stride: Int
  @usableFromInline let steps: RowSteps
  @usableFromInline let rows: Int
  @usableFromInline let groups: Range<Int>
  @usableFromInline let begins: Bool
  @usableFromInline let sums: UnsafeMutablePointer<BlockSums>

  /// - Parameters:
  ///   - x: [rows, stride], the first of these rows.
  ///   - dy: as x, or nil if only the forward pass runs.
  ///   - stride: columns of the matrix.
  ///   - groups: the groups of eight columns that are summed; the last one may hold fewer.
  ///   - begins: true if the rows are the block's first ones.
  ///   - sums: [groups.count]
  @inlinable @inline(__always)
  public init(
    x: UnsafePointer<E>, dy: UnsafePointer<E>?, stride: Int, rows: Int, groups: Range<Int>,
    begins: Bool, sums: UnsafeMutablePointer<BlockSums>
  ) {
    self.x = x
    self.dy = dy
    self.stride = stride
    steps = RowSteps(stride: stride, byteCount: MemoryLayout<E>.size)
    self.rows = rows
    self.groups = groups
    self.begins = begins
    self.sums = sums
  }

  /// Adds the rows to the sums.
  /// - Returns: false if a column may hold a value that is infinite or NaN.
  @inlinable @inline(__always)
  public func add() -> Bool {
    if let dy {
      addWithGradient(dy)
    } else {
      addWithoutGradient()
    }
    // 0 unless a sum is infinite or NaN.
    var canary = Lanes(repeating: 0)
    for index in 0..<groups.count {
      let both: Lanes = sums[index].sum + sums[index].gradientSum
      canary = canary.addingProduct(both, Lanes(repeating: 0))
    }
    return canary == Lanes(repeating: 0)
  }

  // Each of these is a function of its own, so that the compiler takes each small enough to put the whole arithmetic into its loop.

  @inlinable @inline(never)
  func addWithGradient(_ dy: UnsafePointer<E>) { add(dy, gradient: true) }

  @inlinable @inline(never)
  func addWithoutGradient() { add(x, gradient: false) }

  @inlinable @inline(__always)
  func add(_ dy: UnsafePointer<E>, gradient: Bool) {
    let fullGroups = groups.lowerBound..<max(groups.lowerBound, min(groups.upperBound, stride / 8))
    if begins {
      for group in fullGroups {
        sums[group - groups.lowerBound] = BlockSums(
          shift: E.load(x + 8 * group),
          gradientShift: gradient ? E.load(dy + 8 * group) : Lanes(repeating: 0))
      }
    }
    var row = 0
    while row < rows {
      let end = min(row + RowSteps.rows, rows)
      for group in fullGroups {
        var own = sums[group - groups.lowerBound]
        // Positions lie in memory, so that they and what is prefetched beyond it cannot overflow.
        var position = row &* stride &+ 8 &* group
        for _ in row..<end {
          E.prefetch(x + (position &+ steps.ahead))
          if gradient { E.prefetch(dy + (position &+ steps.ahead)) }
          own.add(
            E.load(x + position), gradient ? E.load(dy + position) : Lanes(repeating: 0), gradient: gradient)
          position = position &+ stride
        }
        sums[group - groups.lowerBound] = own
      }
      row = end
    }
    if fullGroups.upperBound < groups.upperBound {
      addLastGroup(fullGroups.upperBound, dy, gradient: gradient)
    }
  }

  /// A last group that holds fewer than eight columns.
  @inlinable @inline(never)
  func addLastGroup(_ group: Int, _ dy: UnsafePointer<E>, gradient: Bool) {
    let count = stride - 8 * group
    var position = 8 * group
    var own =
      begins
      ? BlockSums(
        shift: E.load(x + position, count: count),
        gradientShift: gradient ? E.load(dy + position, count: count) : Lanes(repeating: 0))
      : sums[group - groups.lowerBound]
    for _ in 0..<rows {
      own.add(
        E.load(x + position, count: count),
        gradient ? E.load(dy + position, count: count) : Lanes(repeating: 0), gradient: gradient)
      position += stride
    }
    sums[group - groups.lowerBound] = own
  }
}
