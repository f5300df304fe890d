import Arithmetic

/// The loops of `Arithmetic`, compiled for one kind of processor.
///
/// Two modules have this one file: `BaselineKernels` is compiled for every processor that the program runs on, and `WideKernels`
/// for those with AVX-512, whose registers hold eight Doubles. The loops say which operations are done in which order, so
/// both give the same bits (but for those that tell one NaN from another). All types have `Kernels` as a parameter, which is
/// why no machine code of one module can take the place of the other's; and no function here takes or gives a vector, about
/// whose registers the modules would not agree.
public enum Kernels: CompiledLoops {
  /// See `ColumnSums.add`.
  public static func add(_ sums: ColumnSums<Float, Kernels>) -> Bool { sums.add() }

  /// See `ColumnSums.add`.
  public static func add(_ sums: ColumnSums<Double, Kernels>) -> Bool { sums.add() }

  /// See `PlaneSums.moments`.
  public static func moments(
    _ sums: PlaneSums<Float, Kernels>
  ) -> (moments: PairMoments<Double>, isFinite: Bool) { sums.moments() }

  /// See `PlaneSums.moments`.
  public static func moments(
    _ sums: PlaneSums<Double, Kernels>
  ) -> (moments: PairMoments<Double>, isFinite: Bool) { sums.moments() }

  /// See `ApplyLoop.apply`.
  public static func apply(_ loop: ApplyLoop<Float, Float, Kernels>, _ wants: ApplyWants) -> Bool {
    loop.apply(wants)
  }

  /// See `ApplyLoop.apply`.
  public static func apply(_ loop: ApplyLoop<Float, Double, Kernels>, _ wants: ApplyWants) -> Bool {
    loop.apply(wants)
  }

  /// See `ApplyLoop.apply`.
  public static func apply(_ loop: ApplyLoop<Double, Float, Kernels>, _ wants: ApplyWants) -> Bool {
    loop.apply(wants)
  }

  /// See `ApplyLoop.apply`.
  public static func apply(_ loop: ApplyLoop<Double, Double, Kernels>, _ wants: ApplyWants) -> Bool {
    loop.apply(wants)
  }

  /// See `PowerSums.add`.
  public static func add(_ sums: PowerSums<Float, Kernels>) { sums.add() }

  /// See `PowerSums.add`.
  public static func add(_ sums: PowerSums<Double, Kernels>) { sums.add() }

  /// See `InputGradientLoop.add`.
  public static func add(_ loop: InputGradientLoop<Float, Kernels>) { loop.add() }

  /// See `InputGradientLoop.add`.
  public static func add(_ loop: InputGradientLoop<Double, Kernels>) { loop.add() }
}
