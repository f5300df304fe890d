/// The apply pass of some samples: of columns, or of planes.
///
/// `Compiled` is the module that compiles the loop. It does nothing but to give each module's machine code a name of its own, so
/// that the linker cannot take one for the other.
@frozen
public enum ApplyLoop<E: Element, F: Element, Compiled> {
  /// Columns of a matrix fill the lanes.
  case columns(ColumnLoop<E, F, Compiled>)
  /// Positions of a plane fill the lanes.
  case planes(PlaneLoop<E, F, Compiled>)

  /// Computes what is wanted; the usual jobs have loops of their own, without a branch.
  /// - Returns: false if a number that was written is infinite or NaN.
  @inlinable @inline(__always)
  public func apply(_ wants: ApplyWants) -> Bool {
    switch self {
    case .columns(let loop):
      let isFinite =
        switch wants {
        case .forwardAndBackward: loop.applyForwardAndBackward()
        case .forward: loop.applyForward()
        default: loop.applyAny(wants)
        }
      return loop.hasRest ? loop.applyRest(wants) && isFinite : isFinite
    case .planes(let loop):
      return switch wants {
      case .forwardAndBackward: loop.applyForwardAndBackward()
      case .forward: loop.applyForward()
      default: loop.applyAny(wants)
      }
    }
  }
}

/// What the apply pass computes. Given as literals, it selects a loop without a branch.
@frozen
public struct ApplyWants: Equatable, Sendable {
  /// y is written.
  public var output: Bool
  /// x̂ is written.
  public var normalized: Bool
  /// dx is written.
  public var gradient: Bool
  /// True if the gradient flows through the statistics.
  public var centered: Bool
  /// True if a mask leaves some values out of the statistics.
  public var mask: Bool

  /// What the apply pass computes.
  @inlinable
  public init(output: Bool, normalized: Bool, gradient: Bool, centered: Bool, mask: Bool) {
    self.output = output
    self.normalized = normalized
    self.gradient = gradient
    self.centered = centered
    self.mask = mask
  }

  /// y and dx: the usual job.
  @inlinable
  public static var forwardAndBackward: ApplyWants {
    ApplyWants(output: true, normalized: false, gradient: true, centered: true, mask: false)
  }

  /// y alone.
  @inlinable
  public static var forward: ApplyWants {
    ApplyWants(output: true, normalized: false, gradient: false, centered: true, mask: false)
  }
}

/// Tells whether the apply pass wrote a number that is infinite or NaN: all lanes stay 0 unless it did.
///
/// One for each tensor, because each takes part in one addition a step, which must not wait for another's.
@frozen
public struct OverflowCanary<F: Element> {
  @usableFromInline var output = SIMD8<F>(repeating: 0)
  @usableFromInline var normalized = SIMD8<F>(repeating: 0)
  @usableFromInline var gradient = SIMD8<F>(repeating: 0)

  /// Nothing was written yet.
  @inlinable @inline(__always)
  public init() {}

  /// True if all that was written is finite.
  @inlinable @inline(__always)
  public var isSilent: Bool { output + normalized + gradient == .zero }

  /// Adds what another one saw.
  @inlinable @inline(__always)
  public mutating func add(_ other: OverflowCanary) {
    output += other.output
    normalized += other.normalized
    gradient += other.gradient
  }
}

/// The tensors of the apply pass, of the same shape, where an absent one is nil; and the arithmetic on eight of their elements.
@frozen
public struct LaneTensors<E: Element, F: Element> {
  @usableFromInline let x: UnsafePointer<E>
  @usableFromInline let dy: UnsafePointer<E>?
  @usableFromInline let y: UnsafeMutablePointer<F>?
  @usableFromInline let xHat: UnsafeMutablePointer<F>?
  @usableFromInline let dx: UnsafeMutablePointer<F>?

  /// y may lie where x is, and dx where dy is.
  @inlinable
  public init(
    x: UnsafePointer<E>, dy: UnsafePointer<E>?, y: UnsafeMutablePointer<F>?, xHat: UnsafeMutablePointer<F>?,
    dx: UnsafeMutablePointer<F>?
  ) {
    self.x = x
    self.dy = dy
    self.y = y
    self.xHat = xHat
    self.dx = dx
  }

  /// Asks for the inputs at `position`, which may lie beyond the tensors' end, to be brought near.
  @inlinable @inline(__always)
  public func prefetch(at position: Int, _ wants: ApplyWants) {
    E.prefetch(x + position)
    if wants.gradient { E.prefetch(dy.unsafelyUnwrapped + position) }
  }

  /// Computes some elements.
  /// - Parameters:
  ///   - position: the first of them.
  ///   - lanes: how many, 1 to 8.
  ///   - columns: the coefficients of these elements.
  ///   - wants: what is computed; what is wanted must be there.
  ///   - canary: told what is written.
  ///   - ignored: which lanes count in no statistic; asked only if `wants.mask`.
  @inlinable @inline(__always)
  public func compute(
    at position: Int, lanes: Int, _ columns: ColumnCoefficients, _ wants: ApplyWants,
    canary: inout OverflowCanary<F>, ignored: () -> SIMDMask<SIMD8<Int64>>
  ) {
    let distance = E.load(x + position, count: lanes) - columns.mean
    // Everything is read before anything is written: outputs may take the place of inputs.
    let gradient = wants.gradient ? E.load(dy.unsafelyUnwrapped + position, count: lanes) : .zero
    if wants.output {
      canary.output = F.store(
        columns.output(distance: distance), to: y.unsafelyUnwrapped + position, count: lanes,
        canary: canary.output)
    }
    if wants.normalized {
      canary.normalized = F.store(
        columns.normalized(distance: distance), to: xHat.unsafelyUnwrapped + position, count: lanes,
        canary: canary.normalized)
    }
    if wants.gradient {
      var result =
        wants.centered
        ? columns.gradient(gradient, distance: distance) : columns.detachedGradient(gradient)
      if wants.mask, wants.centered {
        result.replace(with: columns.detachedGradient(gradient), where: ignored())
      }
      canary.gradient = F.store(
        result, to: dx.unsafelyUnwrapped + position, count: lanes, canary: canary.gradient)
    }
  }
}
