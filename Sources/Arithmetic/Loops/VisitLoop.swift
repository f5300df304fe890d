/// The last visit of some samples: of columns, or of runs.
///
/// `Compiled` is the module that compiles the loop. It does nothing but to give each module's machine code a name of its own, so
/// that the linker cannot take one for the other.
@frozen
public enum VisitLoop<E: Element, F: Element, Compiled> {
  /// Columns of a matrix fill the lanes.
  case columns(ColumnLoop<E, F, Compiled>)
  /// Positions of a run fill the lanes.
  case runs(RunLoop<E, F, Compiled>)

  /// Computes what is wanted; the usual jobs have loops of their own, without a branch.
  /// - Returns: false if a number that was written is infinite or NaN.
  @inlinable @inline(__always)
  public func run(_ wants: VisitWants) -> Bool {
    switch self {
    case .columns(let loop):
      let isFinite =
        switch wants {
        case .forwardAndBackward: loop.visitForwardAndBackward()
        case .forward: loop.visitForward()
        default: loop.visitAny(wants)
        }
      return loop.hasRest ? loop.visitRest(wants) && isFinite : isFinite
    case .runs(let loop):
      return switch wants {
      case .forwardAndBackward: loop.visitForwardAndBackward()
      case .forward: loop.visitForward()
      default: loop.visitAny(wants)
      }
    }
  }
}
