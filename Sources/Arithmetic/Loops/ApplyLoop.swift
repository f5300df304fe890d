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
