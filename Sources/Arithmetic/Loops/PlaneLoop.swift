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
