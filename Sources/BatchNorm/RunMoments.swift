import Arithmetic

/// The moments of blocks of consecutive values of one feature: positions fill the lanes.
enum RunMoments {
  /// Computes the moments of one feature over `runs` runs of `length` values each.
  /// - Parameters:
  ///   - x: values; run r begins at `offset + r · stride`.
  ///   - dy: as x, or nil if only the forward pass runs.
  /// - Returns: the moments, and false if a value may be infinite or NaN.
  static func block(
    x: ReadableTensor, dy: ReadableTensor?, offset: Int, stride: Int, runs: Int, length: Int
  ) -> (moments: PairMoments<Double>, isFinite: Bool) {
    switch x.type {
    case .float:
      block(
        x.pointer(Float.self) + offset, dy.map { $0.pointer(Float.self) + offset }, stride, runs, length)
    case .double:
      block(
        x.pointer(Double.self) + offset, dy.map { $0.pointer(Double.self) + offset }, stride, runs, length)
    }
  }

  @inline(__always)
  private static func block<E: Element>(
    _ x: UnsafePointer<E>, _ dy: UnsafePointer<E>?, _ stride: Int, _ runs: Int, _ length: Int
  ) -> (moments: PairMoments<Double>, isFinite: Bool) {
    if let dy {
      sum(x, dy, stride, runs, length, gradient: true)
    } else {
      sum(x, x, stride, runs, length, gradient: false)
    }
  }

  @inline(__always)
  private static func sum<E: Element>(
    _ x: UnsafePointer<E>, _ dy: UnsafePointer<E>, _ stride: Int, _ runs: Int, _ length: Int, gradient: Bool
  ) -> (moments: PairMoments<Double>, isFinite: Bool) {
    let shift = Lanes(repeating: Double(x[0]))
    let gradientShift = gradient ? Lanes(repeating: Double(dy[0])) : .zero
    // Two independent sets of sums hide the latency of the additions.
    var even = BlockSums(shift: shift, gradientShift: gradientShift)
    var odd = BlockSums(shift: shift, gradientShift: gradientShift)
    for run in 0..<runs {
      let x = x + run * stride
      let dy = dy + run * stride
      var position = 0
      while position + 16 <= length {
        E.prefetch(x + (position + 256))
        if gradient { E.prefetch(dy + (position + 256)) }
        even.add(E.load(x + position), gradient ? E.load(dy + position) : .zero, gradient: gradient)
        odd.add(E.load(x + position + 8), gradient ? E.load(dy + position + 8) : .zero, gradient: gradient)
        position += 16
      }
      while position < length {
        // The rest of a run: lanes beyond it take the shift itself, which adds nothing to any sum.
        let count = min(8, length - position)
        var lanes = shift
        var gradientLanes = gradientShift
        for lane in 0..<count {
          lanes[lane] = Double(x[position + lane])
          if gradient { gradientLanes[lane] = Double(dy[position + lane]) }
        }
        even.add(lanes, gradientLanes, gradient: gradient)
        position += count
      }
    }
    let total = (even.sum + odd.sum).total
    let gradientTotal = (even.gradientSum + odd.gradientSum).total
    let moments = BlockTotals(
      shift: shift[0], gradientShift: gradientShift[0], sum: total,
      squareSum: (even.squareSum + odd.squareSum).total, gradientSum: gradientTotal,
      productSum: (even.productSum + odd.productSum).total
    ).moments(count: Double(runs * length))
    return (moments, ((total + gradientTotal) * 0) == 0)
  }
}
