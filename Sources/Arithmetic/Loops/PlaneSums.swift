/// A block of consecutive values of one feature: positions fill the lanes.
@frozen
public struct PlaneSums<E: Element, Compiled> {
  @usableFromInline let x: UnsafePointer<E>
  @usableFromInline let dy: UnsafePointer<E>?
  @usableFromInline let stride: Int
  @usableFromInline let planes: Int
  @usableFromInline let length: Int

  /// - Parameters:
  ///   - x: the first value; plane r begins at `x + r · stride`.
  ///   - dy: as x, or nil if only the forward pass runs.
  ///   - planes: at least 1.
  ///   - length: values in each plane, at least 1.
  @inlinable @inline(__always)
  public init(x: UnsafePointer<E>, dy: UnsafePointer<E>?, stride: Int, planes: Int, length: Int) {
    self.x = x
    self.dy = dy
    self.stride = stride
    self.planes = planes
    self.length = length
  }

  /// The moments of all values, and false if one may be infinite or NaN.
  @inlinable @inline(__always)
  public func moments() -> (moments: PairMoments<Double>, isFinite: Bool) {
    if let dy { momentsWithGradient(dy) } else { momentsWithoutGradient() }
  }

  // Each of these is a function of its own, so that the compiler takes each small enough to put the whole arithmetic into its loop.

  @inlinable @inline(never)
  func momentsWithGradient(_ dy: UnsafePointer<E>) -> (moments: PairMoments<Double>, isFinite: Bool) {
    moments(dy, gradient: true)
  }

  @inlinable @inline(never)
  func momentsWithoutGradient() -> (moments: PairMoments<Double>, isFinite: Bool) {
    moments(x, gradient: false)
  }

  @inlinable @inline(__always)
  func moments(
    _ dy: UnsafePointer<E>, gradient: Bool
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
        even.add(
          E.load(x + position), gradient ? E.load(dy + position) : Lanes(repeating: 0), gradient: gradient)
        odd.add(
          E.load(x + position + 8), gradient ? E.load(dy + position + 8) : Lanes(repeating: 0),
          gradient: gradient)
        position += 16
      }
      while position < length {
        // The rest of a plane: lanes beyond it take the shift itself, which adds nothing to any sum.
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
    ).moments(count: planes * length)
    return (moments, ((total + gradientTotal) * 0) == 0)
  }
}
