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

/// Rows of a matrix whose columns fill the lanes, and the sums of the block that they belong to.
@frozen
public struct ColumnSums<E: Element, Compiled> {
  @usableFromInline let x: UnsafePointer<E>
  @usableFromInline let dy: UnsafePointer<E>?
  @usableFromInline let stride: Int
  @usableFromInline let steps: RowSteps
  @usableFromInline let rows: Int
  @usableFromInline let octets: Range<Int>
  @usableFromInline let begins: Bool
  @usableFromInline let sums: UnsafeMutablePointer<BlockSums>
  @usableFromInline let centers: UnsafePointer<Lanes>?

  /// - Parameters:
  ///   - x: [rows, stride], the first of these rows.
  ///   - dy: as x, or nil if only the forward pass runs.
  ///   - stride: columns of the matrix.
  ///   - rows: how many are summed.
  ///   - octets: the octets of columns that are summed; the last one may hold fewer.
  ///   - begins: true if the rows are the block's first ones.
  ///   - sums: [octets.count]
  ///   - centers: [octets.count], around which products are summed; nil for the block's first values.
  @inlinable @inline(__always)
  public init(
    x: UnsafePointer<E>, dy: UnsafePointer<E>?, stride: Int, rows: Int, octets: Range<Int>,
    begins: Bool, sums: UnsafeMutablePointer<BlockSums>, centers: UnsafePointer<Lanes>? = nil
  ) {
    self.x = x
    self.dy = dy
    self.stride = stride
    steps = RowSteps(stride: stride, byteCount: MemoryLayout<E>.size)
    self.rows = rows
    self.octets = octets
    self.begins = begins
    self.sums = sums
    self.centers = centers
  }

  /// Adds the rows to the sums.
  /// - Returns: false if a column may hold a value that is infinite or NaN.
  @inlinable @inline(__always)
  public func add() -> Bool {
    if let dy, let centers {
      addAroundCenters(dy, centers)
    } else if let dy {
      addWithGradient(dy)
    } else {
      addWithoutGradient()
    }
    // 0 unless a sum is infinite or NaN.
    var canary = Lanes(repeating: 0)
    for index in 0..<octets.count {
      let both: Lanes = sums[index].sum + sums[index].gradientSum
      canary = canary.addingProduct(both, Lanes(repeating: 0))
    }
    return canary == Lanes(repeating: 0)
  }

  // Each of these is a function of its own, so that the compiler takes each small enough to put the whole arithmetic into its loop.

  @inlinable @inline(never)
  func addWithGradient(_ dy: UnsafePointer<E>) { add(dy, gradient: true, centers: nil) }

  @inlinable @inline(never)
  func addAroundCenters(_ dy: UnsafePointer<E>, _ centers: UnsafePointer<Lanes>) {
    add(dy, gradient: true, centers: centers)
  }

  @inlinable @inline(never)
  func addWithoutGradient() { add(x, gradient: false, centers: nil) }

  @inlinable @inline(__always)
  func add(_ dy: UnsafePointer<E>, gradient: Bool, centers: UnsafePointer<Lanes>?) {
    let fullOctets = octets.lowerBound..<max(octets.lowerBound, min(octets.upperBound, stride / 8))
    if begins {
      for octet in fullOctets {
        sums[octet - octets.lowerBound] = BlockSums(
          shift: E.load(x + 8 * octet),
          gradientShift: gradient ? E.load(dy + 8 * octet) : Lanes(repeating: 0))
      }
    }
    var row = 0
    while row < rows {
      let end = min(row + RowSteps.rows, rows)
      for octet in fullOctets {
        var own = sums[octet - octets.lowerBound]
        // Positions lie in memory, so that they and what is prefetched beyond it cannot overflow.
        var position = row &* stride &+ 8 &* octet
        for _ in row..<end {
          E.prefetch(x + (position &+ steps.ahead))
          if gradient { E.prefetch(dy + (position &+ steps.ahead)) }
          if let centers {
            let weight = E.load(dy + position)
            own.add(E.load(x + position), weight, center: centers[octet - octets.lowerBound], weight: weight)
          } else {
            own.add(
              E.load(x + position), gradient ? E.load(dy + position) : Lanes(repeating: 0), gradient: gradient
            )
          }
          position = position &+ stride
        }
        sums[octet - octets.lowerBound] = own
      }
      row = end
    }
    if fullOctets.upperBound < octets.upperBound {
      addLastOctet(fullOctets.upperBound, dy, gradient: gradient, centers: centers)
    }
  }

  /// A last octet that holds fewer than eight columns.
  @inlinable @inline(never)
  func addLastOctet(
    _ octet: Int, _ dy: UnsafePointer<E>, gradient: Bool, centers: UnsafePointer<Lanes>?
  ) {
    let count = stride - 8 * octet
    var position = 8 * octet
    var own =
      begins
      ? BlockSums(
        shift: E.load(x + position, count: count),
        gradientShift: gradient ? E.load(dy + position, count: count) : Lanes(repeating: 0))
      : sums[octet - octets.lowerBound]
    for _ in 0..<rows {
      if let centers {
        let weight = E.load(dy + position, count: count)
        own.add(
          E.load(x + position, count: count), weight, center: centers[octet - octets.lowerBound],
          weight: weight)
      } else {
        own.add(
          E.load(x + position, count: count),
          gradient ? E.load(dy + position, count: count) : Lanes(repeating: 0), gradient: gradient)
      }
      position += stride
    }
    sums[octet - octets.lowerBound] = own
  }
}

/// The apply pass of a matrix whose columns fill the lanes.
@frozen
public struct ColumnLoop<E: Element, F: Element, Compiled> {
  @usableFromInline let tensors: LaneTensors<E, F>
  @usableFromInline let coefficients: UnsafePointer<ColumnCoefficients>
  @usableFromInline let octets: Range<Int>
  @usableFromInline let rows: Int
  @usableFromInline let restColumns: Int
  @usableFromInline let stride: Int
  @usableFromInline let steps: RowSteps
  @usableFromInline let mask: ColumnMask?

  /// - Parameters:
  ///   - tensors: what is read and written, from the first row on.
  ///   - coefficients: of all octets of columns.
  ///   - octets: the octets that are taken.
  ///   - rows: rows of the matrix.
  ///   - restColumns: columns that a last row has which is not complete; 0 if there is none.
  ///   - stride: columns of all other rows; the last octet may hold fewer than eight.
  ///   - mask: which values count in no statistic; nil if all count.
  @inlinable @inline(__always)
  public init(
    _ tensors: LaneTensors<E, F>, coefficients: UnsafePointer<ColumnCoefficients>, octets: Range<Int>,
    rows: Int, restColumns: Int, stride: Int, mask: ColumnMask?
  ) {
    self.tensors = tensors
    self.coefficients = coefficients
    self.octets = octets
    self.rows = rows
    self.restColumns = restColumns
    self.stride = stride
    steps = RowSteps(stride: stride, byteCount: MemoryLayout<E>.size)
    self.mask = mask
  }

  // Each of these is a function of its own, so that the compiler takes each small enough to put the whole arithmetic into its loop.

  @inlinable @inline(never)
  func applyForwardAndBackward() -> Bool { apply(.forwardAndBackward) }

  @inlinable @inline(never)
  func applyForward() -> Bool { apply(.forward) }

  @inlinable @inline(never)
  func applyAny(_ wants: ApplyWants) -> Bool { apply(wants) }

  /// All octets of columns, from the last rows to the first, for the last ones are still in the caches when the moments
  /// have been collected.
  @inlinable @inline(__always)
  func apply(_ wants: ApplyWants) -> Bool {
    var canary = OverflowCanary<F>()
    let full = octets.lowerBound..<max(octets.lowerBound, min(octets.upperBound, stride / 8))
    var end = rows
    while end > 0 {
      let block = max(0, end &- RowSteps.rows)..<end
      end = block.lowerBound
      for octet in full { canary.add(applyOctet(block, octet, lanes: 8, wants)) }
    }
    return canary.isSilent
  }

  /// The last octet, where it holds fewer than eight columns, and the last row, where it is not complete.
  @inlinable @inline(never)
  func applyRest(_ wants: ApplyWants) -> Bool {
    var canary = OverflowCanary<F>()
    for octet in octets {
      let lanes = min(8, stride - 8 * octet)
      if lanes < 8 { canary.add(applyOctet(0..<rows, octet, lanes: lanes, wants)) }
      let restLanes = min(8, restColumns - 8 * octet)
      if restLanes > 0 { canary.add(applyOctet(rows..<rows + 1, octet, lanes: restLanes, wants)) }
    }
    return canary.isSilent
  }

  /// True if `applyRest` has anything to do.
  @inlinable @inline(__always)
  var hasRest: Bool { restColumns > 0 || stride % 8 != 0 }

  /// The first `lanes` columns of an octet, down a few rows.
  @inlinable @inline(__always)
  func applyOctet(_ rows: Range<Int>, _ octet: Int, lanes: Int, _ wants: ApplyWants) -> OverflowCanary<F> {
    var canary = OverflowCanary<F>()
    let own = coefficients[octet]
    // Positions lie in memory, so that they and what is prefetched beyond it cannot overflow.
    var position = rows.lowerBound &* stride &+ 8 &* octet
    for row in rows {
      tensors.prefetch(at: position &+ steps.back, wants)
      tensors.compute(at: position, lanes: lanes, own, wants, canary: &canary) {
        mask.unsafelyUnwrapped.ignored(row: row, octet: octet, lanes: lanes)
      }
      position = position &+ stride
    }
    return canary
  }
}

/// A mask, [samples, P, S], seen from the columns of a matrix.
@frozen
public struct ColumnMask {
  @usableFromInline let bytes: UnsafePointer<UInt8>
  @usableFromInline let foldedRows: Int
  @usableFromInline let columnsPerRow: Int
  @usableFromInline let planeLength: Int

  /// - Parameters:
  ///   - bytes: 0 where a value counts in no statistic.
  ///   - foldedRows: rows of [C, S] that make one row of the matrix.
  ///   - columnsPerRow: C · S.
  ///   - planeLength: S.
  @inlinable @inline(__always)
  public init(bytes: UnsafePointer<UInt8>, foldedRows: Int, columnsPerRow: Int, planeLength: Int) {
    self.bytes = bytes
    self.foldedRows = foldedRows
    self.columnsPerRow = columnsPerRow
    self.planeLength = planeLength
  }

  /// Which of eight columns count in no statistic.
  @inlinable @inline(__always)
  func ignored(row: Int, octet: Int, lanes: Int) -> SIMDMask<SIMD8<Int64>> {
    var ignored = SIMDMask<SIMD8<Int64>>(repeating: false)
    for lane in 0..<lanes {
      let column = 8 * octet + lane
      let narrowRow = row * foldedRows + column / columnsPerRow
      ignored[lane] = bytes[narrowRow * planeLength + column % planeLength] == 0
    }
    return ignored
  }
}
