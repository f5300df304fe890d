import Arithmetic

/// The last visit where consecutive positions of one feature fill the lanes; see `Decomposition`.
enum RunVisit {
  static func run(_ visit: Visit, _ coefficients: BatchCoefficients, _ groups: Range<Int>) -> Bool {
    let layout = coefficients.decomposition.layout
    let features = 8 * groups.lowerBound..<min(8 * groups.upperBound, layout.featureCount)
    switch (visit.x.type, visit.outputType) {
    case (.float, .float):
      return run(visit, layout, coefficients, features, visit.pointers(Float.self, Float.self))
    case (.float, .double):
      return run(visit, layout, coefficients, features, visit.pointers(Float.self, Double.self))
    case (.double, .float):
      return run(visit, layout, coefficients, features, visit.pointers(Double.self, Float.self))
    case (.double, .double):
      return run(visit, layout, coefficients, features, visit.pointers(Double.self, Double.self))
    }
  }

  @inline(__always)
  private static func run<E: Element, F: Element>(
    _ visit: Visit, _ layout: FeatureLayout, _ coefficients: BatchCoefficients,
    _ features: Range<Int>, _ pointers: LaneVisit<E, F>
  ) -> Bool {
    var canary = SIMD8<F>(repeating: 0)
    for row in 0..<visit.samples * layout.rowsPerSample {
      let mask = visit.mask.map { $0 + row * layout.runLength }
      for feature in features {
        let start = (row * layout.featureCount + feature) * layout.runLength
        let columns = coefficients.columns[feature / 8].repeating(lane: feature % 8)
        switch visit.wants {
        case .forwardAndBackward:
          visitRun(start, layout.runLength, columns, pointers, mask, .forwardAndBackward, &canary)
        case .forward:
          visitRun(start, layout.runLength, columns, pointers, mask, .forward, &canary)
        default:
          visitRun(start, layout.runLength, columns, pointers, mask, visit.wants, &canary)
        }
      }
    }
    return canary == .zero
  }

  /// One run of `length` values from `start` on.
  @inline(__always)
  private static func visitRun<E: Element, F: Element>(
    _ start: Int, _ length: Int, _ columns: ColumnCoefficients, _ pointers: LaneVisit<E, F>,
    _ mask: UnsafePointer<UInt8>?, _ wants: VisitWants, _ canary: inout SIMD8<F>
  ) {
    var position = 0
    while position + 8 <= length {
      visitLanes(start + position, 8, columns, pointers, mask.map { $0 + position }, wants, &canary)
      position += 8
    }
    if position < length {
      visitLanes(
        start + position, length - position, columns, pointers, mask.map { $0 + position }, wants, &canary)
    }
  }

  /// `lanes` values from `position` on.
  @inline(__always)
  private static func visitLanes<E: Element, F: Element>(
    _ position: Int, _ lanes: Int, _ columns: ColumnCoefficients, _ pointers: LaneVisit<E, F>,
    _ mask: UnsafePointer<UInt8>?, _ wants: VisitWants, _ canary: inout SIMD8<F>
  ) {
    pointers.compute(at: position, lanes: lanes, columns, wants, canary: &canary) {
      var ignored = SIMDMask<SIMD8<Int64>>(repeating: false)
      if let mask {
        for lane in 0..<lanes { ignored[lane] = mask[lane] == 0 }
      }
      return ignored
    }
  }
}
