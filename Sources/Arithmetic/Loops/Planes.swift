/// A block of consecutive values of one feature: positions fill the lanes.
@frozen
public struct PlaneSums<E: Element, Compiled> {
  @usableFromInline let x: UnsafePointer<E>
  @usableFromInline let dy: UnsafePointer<E>?
  @usableFromInline let stride: Int
  @usableFromInline let planes: Int
  @usableFromInline let length: Int
  @usableFromInline let center: Double?

  /// - Parameters:
  ///   - x: the first value; plane r begins at `x + r · stride`.
  ///   - dy: as x, or nil if only the forward pass runs.
  ///   - stride: numbers from the begin of one plane to that of the next.
  ///   - planes: at least 1.
  ///   - length: values in each plane, at least 1.
  ///   - center: around which products are summed; nil for the first value.
  @inlinable @inline(__always)
  public init(
    x: UnsafePointer<E>, dy: UnsafePointer<E>?, stride: Int, planes: Int, length: Int, center: Double? = nil
  ) {
    self.x = x
    self.dy = dy
    self.stride = stride
    self.planes = planes
    self.length = length
    self.center = center
  }

  /// The moments of all values, and false if one may be infinite or NaN.
  @inlinable @inline(__always)
  public func moments() -> (moments: PairMoments<Double>, isFinite: Bool) {
    if let dy {
      if let center { return momentsAroundCenter(dy, center) }
      return momentsWithGradient(dy)
    }
    return momentsWithoutGradient()
  }

  // Each of these is a function of its own, so that the compiler takes each small enough to put the whole arithmetic into its loop.

  @inlinable @inline(never)
  func momentsWithGradient(_ dy: UnsafePointer<E>) -> (moments: PairMoments<Double>, isFinite: Bool) {
    moments(dy, gradient: true, center: nil)
  }

  @inlinable @inline(never)
  func momentsAroundCenter(
    _ dy: UnsafePointer<E>, _ center: Double
  ) -> (moments: PairMoments<Double>, isFinite: Bool) {
    moments(dy, gradient: true, center: Lanes(repeating: center))
  }

  @inlinable @inline(never)
  func momentsWithoutGradient() -> (moments: PairMoments<Double>, isFinite: Bool) {
    moments(x, gradient: false, center: nil)
  }

  @inlinable @inline(__always)
  func moments(
    _ dy: UnsafePointer<E>, gradient: Bool, center: Lanes?
  ) -> (moments: PairMoments<Double>, isFinite: Bool) {
    let shift = Lanes(repeating: Double(x[0]))
    let gradientShift = Lanes(repeating: gradient ? Double(dy[0]) : 0)
    // Two independent sets of sums hide the latency of the additions.
    var even = BlockSums(shift: shift, gradientShift: gradientShift)
    var odd = BlockSums(shift: shift, gradientShift: gradientShift)
    for plane in 0..<planes {
      let x = x + plane * stride
      let dy = dy + plane * stride
      var position = 0
      while position + 16 <= length {
        E.prefetch(x + (position + 256))
        if gradient { E.prefetch(dy + (position + 256)) }
        if let center {
          let weights = (E.load(dy + position), E.load(dy + position + 8))
          even.add(E.load(x + position), weights.0, center: center, weight: weights.0)
          odd.add(E.load(x + position + 8), weights.1, center: center, weight: weights.1)
        } else {
          even.add(
            E.load(x + position), gradient ? E.load(dy + position) : Lanes(repeating: 0), gradient: gradient)
          odd.add(
            E.load(x + position + 8), gradient ? E.load(dy + position + 8) : Lanes(repeating: 0),
            gradient: gradient)
        }
        position += 16
      }
      while position < length {
        // The rest of a plane: lanes beyond it take the shift itself, which adds nothing to any sum, and around a center weigh nothing.
        let count = min(8, length - position)
        var lanes = shift
        var gradientLanes = gradientShift
        var weights = Lanes(repeating: 0)
        for lane in 0..<count {
          lanes[lane] = Double(x[position + lane])
          if gradient { gradientLanes[lane] = Double(dy[position + lane]) }
          weights[lane] = gradientLanes[lane]
        }
        if let center {
          even.add(lanes, gradientLanes, center: center, weight: weights)
        } else {
          even.add(lanes, gradientLanes, gradient: gradient)
        }
        position += count
      }
    }
    let total = (even.sum + odd.sum).total
    let gradientTotal = (even.gradientSum + odd.gradientSum).total
    let moments = BlockTotals(
      shift: shift[0], gradientShift: gradientShift[0], sum: total,
      squareSum: (even.squareSum + odd.squareSum).total, gradientSum: gradientTotal,
      productSum: (even.productSum + odd.productSum).total
    ).moments(count: planes * length, isCentered: center != nil)
    return (moments, ((total + gradientTotal) * 0) == 0)
  }
}

/// The apply pass where consecutive positions of one feature fill the lanes.
@frozen
public struct PlaneLoop<E: Element, F: Element, Compiled> {
  @usableFromInline let tensors: LaneTensors<E, F>
  @usableFromInline let coefficients: UnsafePointer<ColumnCoefficients>
  @usableFromInline let features: Range<Int>
  @usableFromInline let rows: Int
  @usableFromInline let featureCount: Int
  @usableFromInline let length: Int
  @usableFromInline let mask: UnsafePointer<UInt8>?

  /// - Parameters:
  ///   - tensors: what is read and written, from the first row on.
  ///   - coefficients: [⌈C/8⌉], a feature in each lane.
  ///   - features: the features that are taken.
  ///   - rows: rows of [C, S].
  ///   - featureCount: C.
  ///   - length: S.
  ///   - mask: [rows, S], 0 where a value counts in no statistic; nil if all count.
  @inlinable @inline(__always)
  public init(
    _ tensors: LaneTensors<E, F>, coefficients: UnsafePointer<ColumnCoefficients>, features: Range<Int>,
    rows: Int, featureCount: Int, length: Int, mask: UnsafePointer<UInt8>?
  ) {
    self.tensors = tensors
    self.coefficients = coefficients
    self.features = features
    self.rows = rows
    self.featureCount = featureCount
    self.length = length
    self.mask = mask
  }

  // Each of these is a function of its own, so that the compiler takes each small enough to put the whole arithmetic into its loop.

  @inlinable @inline(never)
  func applyForwardAndBackward() -> Bool { apply(.forwardAndBackward) }

  @inlinable @inline(never)
  func applyForward() -> Bool { apply(.forward) }

  @inlinable @inline(never)
  func applyAny(_ wants: ApplyWants) -> Bool { apply(wants) }

  /// From the last row to the first, for the last ones are still in the caches when the moments have been collected.
  @inlinable @inline(__always)
  func apply(_ wants: ApplyWants) -> Bool {
    var canary = OverflowCanary<F>()
    var row = rows
    while row > 0 {
      row -= 1
      let mask = mask.map { $0 + row * length }
      for feature in features {
        applyPlane((row * featureCount + feature) * length, own(feature), mask, wants, &canary)
      }
    }
    return canary.isSilent
  }

  /// The coefficients of one feature in all lanes.
  @inlinable @inline(__always)
  func own(_ feature: Int) -> ColumnCoefficients {
    coefficients[feature / 8].repeating(lane: feature % 8)
  }

  /// One plane from `start` on.
  @inlinable @inline(__always)
  func applyPlane(
    _ start: Int, _ own: ColumnCoefficients, _ mask: UnsafePointer<UInt8>?, _ wants: ApplyWants,
    _ canary: inout OverflowCanary<F>
  ) {
    var position = 0
    while position + 8 <= length {
      applyLanes(start + position, 8, own, mask.map { $0 + position }, wants, &canary)
      position += 8
    }
    if position < length {
      applyLanes(start + position, length - position, own, mask.map { $0 + position }, wants, &canary)
    }
  }

  /// `lanes` values from `position` on.
  @inlinable @inline(__always)
  func applyLanes(
    _ position: Int, _ lanes: Int, _ own: ColumnCoefficients, _ mask: UnsafePointer<UInt8>?,
    _ wants: ApplyWants, _ canary: inout OverflowCanary<F>
  ) {
    tensors.compute(at: position, lanes: lanes, own, wants, canary: &canary) {
      var ignored = SIMDMask<SIMD8<Int64>>(repeating: false)
      if let mask {
        for lane in 0..<lanes { ignored[lane] = mask[lane] == 0 }
      }
      return ignored
    }
  }
}
