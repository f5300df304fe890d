/// Sums of values, or of their squares, over some rows: of each column, or of each feature.
///
/// Rows go from the first to the last, so that columns may get theirs in several calls and have the same bits.
@frozen
public struct PowerSums<E: Element, Compiled> {
  @usableFromInline let values: UnsafePointer<E>
  @usableFromInline let rows: LoopRows
  @usableFromInline let octets: Range<Int>
  @usableFromInline let isSquared: Bool
  @usableFromInline let sums: UnsafeMutablePointer<Lanes>

  /// - Parameters:
  ///   - values: the first of the rows.
  ///   - rows: how many, and how they lie.
  ///   - octets: octets of columns, or of features where rows are planes; the last one may hold fewer.
  ///   - isSquared: true for squares.
  ///   - sums: [octets.count], to which the sums are added.
  @inlinable @inline(__always)
  public init(
    _ values: UnsafePointer<E>, _ rows: LoopRows, octets: Range<Int>, isSquared: Bool,
    to sums: UnsafeMutablePointer<Lanes>
  ) {
    self.values = values
    self.rows = rows
    self.octets = octets
    self.isSquared = isSquared
    self.sums = sums
  }

  /// Adds the rows to the sums.
  @inlinable @inline(__always)
  public func add() {
    switch rows.shape {
    case .columns: isSquared ? addSquaredColumns() : addPlainColumns()
    case .planes(let length): isSquared ? addSquaredPlanes(length) : addPlainPlanes(length)
    }
  }

  // Each of these is a function of its own, so that the compiler takes each small enough to put the whole arithmetic into its loop.

  @inlinable @inline(never)
  func addSquaredColumns() { addColumns(isSquared: true) }

  @inlinable @inline(never)
  func addPlainColumns() { addColumns(isSquared: false) }

  @inlinable @inline(never)
  func addSquaredPlanes(_ length: Int) { addPlanes(length, isSquared: true) }

  @inlinable @inline(never)
  func addPlainPlanes(_ length: Int) { addPlanes(length, isSquared: false) }

  @inlinable @inline(__always)
  func add(_ sum: Lanes, _ values: Lanes, isSquared: Bool) -> Lanes {
    isSquared ? sum.addingProduct(values, values) : sum + values
  }

  @inlinable @inline(__always)
  func addColumns(isSquared: Bool) {
    let full = rows.fullOctets(octets)
    var row = 0
    while row < rows.count {
      let end = min(row + RowSteps.rows, rows.count)
      for octet in full {
        var sum = sums[octet - octets.lowerBound]
        var position = row &* rows.stride &+ 8 &* octet
        for _ in row..<end {
          sum = add(sum, E.load(values + position), isSquared: isSquared)
          position = position &+ rows.stride
        }
        sums[octet - octets.lowerBound] = sum
      }
      row = end
    }
    for octet in full.upperBound..<max(full.upperBound, octets.upperBound) {
      for row in 0..<rows.count {
        addPart(row, octet, min(8, rows.stride - 8 * octet), isSquared: isSquared)
      }
    }
    // The last row, where it is not complete.
    for octet in octets where rows.restColumns > 8 * octet {
      addPart(rows.count, octet, min(8, rows.restColumns - 8 * octet), isSquared: isSquared)
    }
  }

  /// The first `lanes` columns of an octet in one row.
  @inlinable @inline(__always)
  func addPart(_ row: Int, _ octet: Int, _ lanes: Int, isSquared: Bool) {
    let index = octet - octets.lowerBound
    for lane in 0..<lanes {
      let value = Double(values[row * rows.stride + 8 * octet + lane])
      sums[index][lane] =
        isSquared ? sums[index][lane].addingProduct(value, value) : sums[index][lane] + value
    }
  }

  @inlinable @inline(__always)
  func addPlanes(_ length: Int, isSquared: Bool) {
    for feature in 8 * octets.lowerBound..<min(8 * octets.upperBound, rows.stride / length) {
      // Two independent sums hide the latency of the additions.
      var (even, odd) = (Lanes(repeating: 0), Lanes(repeating: 0))
      for row in 0..<rows.count {
        let plane = values + (row * rows.stride + feature * length)
        var position = 0
        while position + 16 <= length {
          even = add(even, E.load(plane + position), isSquared: isSquared)
          odd = add(odd, E.load(plane + (position + 8)), isSquared: isSquared)
          position += 16
        }
        while position < length {
          let lanes = min(8, length - position)
          var rest = Lanes(repeating: 0)
          for lane in 0..<lanes { rest[lane] = Double(plane[position + lane]) }
          even = add(even, rest, isSquared: isSquared)
          position += lanes
        }
      }
      sums[feature / 8 - octets.lowerBound][feature % 8] += (even + odd).total
    }
  }
}

/// Rows of [C, S] in memory, as the loops of diagnostics go through them.
@frozen
public struct LoopRows: Sendable {
  /// What fills the lanes.
  public enum Shape: Sendable {
    /// Columns of a matrix.
    case columns
    /// Positions of planes of this length.
    case planes(length: Int)
  }

  /// What fills the lanes.
  public let shape: Shape
  /// How many.
  public let count: Int
  /// Numbers from one row to the next.
  public let stride: Int
  /// Columns that one more row has, which is not complete; 0 if there is none.
  public let restColumns: Int

  /// - Parameters:
  ///   - shape: whether they are rows of columns or planes.
  ///   - count: how many.
  ///   - stride: numbers from one to the next.
  ///   - restColumns: columns that one more row has.
  @inlinable
  public init(_ shape: Shape, count: Int, stride: Int, restColumns: Int = 0) {
    self.shape = shape
    self.count = count
    self.stride = stride
    self.restColumns = restColumns
  }

  /// Those of some octets of columns that hold eight.
  @inlinable @inline(__always)
  func fullOctets(_ octets: Range<Int>) -> Range<Int> {
    octets.lowerBound..<max(octets.lowerBound, min(octets.upperBound, stride / 8))
  }
}

/// What is summed of dx, and of dy and x̂ beside it, in eight columns or features:
///
///     Σ|dy|   Σ|dy·x̂|   Σdx   Σdx²   Σdx·x̂      and over the values that count      Σdy   Σdy·x̂
///
/// dx is the number that the apply pass computes, before it is rounded to the output's type.
@frozen
public struct InputGradientSums: Sendable {
  /// Σ|dy|
  public var absoluteGradient = Lanes(repeating: 0)
  /// Σ|dy·x̂|
  public var absoluteProduct = Lanes(repeating: 0)
  /// Σdx
  public var sum = Lanes(repeating: 0)
  /// Σdx²
  public var squareSum = Lanes(repeating: 0)
  /// Σdx·x̂
  public var productSum = Lanes(repeating: 0)
  /// Under a mask Σdy over the values that count.
  public var countedGradient = Lanes(repeating: 0)
  /// Under a mask Σdy·x̂ over the values that count.
  public var countedProduct = Lanes(repeating: 0)

  /// Sums of no values.
  @inlinable @inline(__always)
  public init() {}

  /// Adds a row.
  @inlinable @inline(__always)
  mutating func add(_ dy: Lanes, _ normalized: Lanes, _ dx: Lanes) {
    absoluteGradient += dy.magnitudes
    absoluteProduct += (dy * normalized).magnitudes
    sum += dx
    squareSum = squareSum.addingProduct(dx, dx)
    productSum = productSum.addingProduct(dx, normalized)
  }
}

extension Lanes {
  /// The absolute value of each lane.
  @inlinable @inline(__always)
  public var magnitudes: Lanes {
    let bits = unsafeBitCast(self, to: SIMD8<UInt64>.self)
    return unsafeBitCast(bits & SIMD8<UInt64>(repeating: 0x7FFF_FFFF_FFFF_FFFF), to: Lanes.self)
  }
}

/// The loop that sums dx. Rows go from the last to the first, as in the apply pass, whose data it finds in the cache; columns may
/// get theirs in several calls and have the same bits.
@frozen
public struct InputGradientLoop<E: Element, Compiled> {
  @usableFromInline let x: UnsafePointer<E>
  @usableFromInline let dy: UnsafePointer<E>
  @usableFromInline let rows: LoopRows
  @usableFromInline let octets: Range<Int>
  @usableFromInline let coefficients: UnsafePointer<ColumnCoefficients>
  @usableFromInline let isCentered: Bool
  @usableFromInline let mask: ColumnMask?
  @usableFromInline let sums: UnsafeMutablePointer<InputGradientSums>

  /// - Parameters:
  ///   - x: the first of the rows.
  ///   - dy: as x.
  ///   - rows: how many, and how they lie.
  ///   - octets: octets of columns, or of features where rows are planes; the last one may hold fewer.
  ///   - coefficients: of all octets.
  ///   - isCentered: true if the gradient flows through the statistics.
  ///   - mask: which values count in no statistic; nil if all count.
  ///   - sums: [octets.count], to which the sums are added.
  @inlinable @inline(__always)
  public init(
    x: UnsafePointer<E>, dy: UnsafePointer<E>, _ rows: LoopRows, octets: Range<Int>,
    coefficients: UnsafePointer<ColumnCoefficients>, isCentered: Bool, mask: ColumnMask?,
    to sums: UnsafeMutablePointer<InputGradientSums>
  ) {
    self.x = x
    self.dy = dy
    self.rows = rows
    self.octets = octets
    self.coefficients = coefficients
    self.isCentered = isCentered
    self.mask = mask
    self.sums = sums
  }

  /// Adds the rows to the sums.
  @inlinable @inline(__always)
  public func add() {
    let isUsual = isCentered && mask == nil
    switch rows.shape {
    case .columns: isUsual ? addUsualColumns() : addAnyColumns()
    case .planes(let length): isUsual ? addUsualPlanes(length) : addAnyPlanes(length)
    }
  }

  // Each of these is a function of its own, so that the compiler takes each small enough to put the whole arithmetic into its loop.

  @inlinable @inline(never)
  func addUsualColumns() { addColumns(isUsual: true) }

  @inlinable @inline(never)
  func addAnyColumns() { addColumns(isUsual: false) }

  @inlinable @inline(never)
  func addUsualPlanes(_ length: Int) { addPlanes(length, isUsual: true) }

  @inlinable @inline(never)
  func addAnyPlanes(_ length: Int) { addPlanes(length, isUsual: false) }

  @inlinable @inline(__always)
  func addColumns(isUsual: Bool) {
    // The last row, where it is not complete.
    for octet in octets where rows.restColumns > 8 * octet {
      addPart(rows.count, octet, min(8, rows.restColumns - 8 * octet))
    }
    let full = rows.fullOctets(octets)
    var end = rows.count
    while end > 0 {
      let start = max(0, end &- RowSteps.rows)
      for octet in full {
        var own = sums[octet - octets.lowerBound]
        let columns = coefficients[octet]
        var row = end
        while row > start {
          row = row &- 1
          add(row &* rows.stride &+ 8 &* octet, 8, columns, isUsual, to: &own) {
            mask.unsafelyUnwrapped.ignored(row: row, octet: octet, lanes: 8)
          }
        }
        sums[octet - octets.lowerBound] = own
      }
      end = start
    }
    for octet in full.upperBound..<max(full.upperBound, octets.upperBound) {
      var row = rows.count
      while row > 0 {
        row -= 1
        addPart(row, octet, min(8, rows.stride - 8 * octet))
      }
    }
  }

  /// The first `lanes` columns of an octet in one row.
  @inlinable @inline(never)
  func addPart(_ row: Int, _ octet: Int, _ lanes: Int) {
    add(
      row * rows.stride + 8 * octet, lanes, coefficients[octet], false, to: &sums[octet - octets.lowerBound]
    ) { mask.unsafelyUnwrapped.ignored(row: row, octet: octet, lanes: lanes) }
  }

  @inlinable @inline(__always)
  func addPlanes(_ length: Int, isUsual: Bool) {
    for feature in 8 * octets.lowerBound..<min(8 * octets.upperBound, rows.stride / length) {
      var own = InputGradientSums()
      let columns = coefficients[feature / 8].repeating(lane: feature % 8)
      var row = rows.count
      while row > 0 {
        row -= 1
        let start = row * rows.stride + feature * length
        var position = 0
        while position + 8 <= length {
          add(start + position, 8, columns, isUsual, to: &own) { ignored(row * length + position, 8) }
          position += 8
        }
        if position < length {
          add(start + position, length - position, columns, false, to: &own) {
            ignored(row * length + position, length - position)
          }
        }
      }
      sums[feature / 8 - octets.lowerBound].add(own, toLane: feature % 8)
    }
  }

  /// Which of the values from a place of a [rows, S] mask on count in no statistic.
  @inlinable @inline(__always)
  func ignored(_ place: Int, _ lanes: Int) -> SIMDMask<SIMD8<Int64>> {
    var ignored = SIMDMask<SIMD8<Int64>>(repeating: false)
    for lane in 0..<lanes { ignored[lane] = mask.unsafelyUnwrapped.bytes[place + lane] == 0 }
    return ignored
  }

  /// `lanes` values from `position` on.
  /// - Parameters:
  ///   - isUsual: true if there are eight, all count, and the gradient flows through the statistics.
  ///   - ignored: which lanes count in no statistic; asked only if there is a mask.
  @inlinable @inline(__always)
  func add(
    _ position: Int, _ lanes: Int, _ columns: ColumnCoefficients, _ isUsual: Bool,
    to sums: inout InputGradientSums, ignored: () -> SIMDMask<SIMD8<Int64>>
  ) {
    let distance = E.load(x + position, count: lanes) - columns.mean
    let gradient = E.load(dy + position, count: lanes)
    let normalized = columns.normalized(distance: distance)
    if isUsual {
      sums.add(gradient, normalized, columns.gradient(gradient, distance: distance))
      return
    }
    let zero = Lanes(repeating: 0)
    var absent = SIMDMask<SIMD8<Int64>>(repeating: false)
    for lane in lanes..<8 { absent[lane] = true }
    var result =
      isCentered ? columns.gradient(gradient, distance: distance) : columns.detachedGradient(gradient)
    var own = normalized
    if mask != nil {
      let ignored = ignored()
      if isCentered { result.replace(with: columns.detachedGradient(gradient), where: ignored) }
      // What neither counts nor is weighed is in no sum, NaN included.
      own.replace(with: zero, where: ignored .& (gradient .== zero))
      sums.countedGradient += gradient.replacing(with: zero, where: absent .| ignored)
      sums.countedProduct += (gradient * own).replacing(with: zero, where: absent .| ignored)
    }
    sums.add(
      gradient.replacing(with: zero, where: absent), own.replacing(with: zero, where: absent),
      result.replacing(with: zero, where: absent))
  }
}

extension InputGradientSums {
  /// Adds sums of one feature, which are spread over eight lanes.
  @inlinable @inline(__always)
  mutating func add(_ other: InputGradientSums, toLane lane: Int) {
    absoluteGradient[lane] += other.absoluteGradient.total
    absoluteProduct[lane] += other.absoluteProduct.total
    sum[lane] += other.sum.total
    squareSum[lane] += other.squareSum.total
    productSum[lane] += other.productSum.total
    countedGradient[lane] += other.countedGradient.total
    countedProduct[lane] += other.countedProduct.total
  }
}
