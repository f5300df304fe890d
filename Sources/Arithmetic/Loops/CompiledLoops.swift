/// The loops as one module compiles them, for one kind of processor; `Self` is their `Compiled`.
///
/// All types are spelled out: generic code would be compiled where it is used, for another processor.
public protocol CompiledLoops {
  /// See `ColumnSums.add`.
  static func add(_ sums: ColumnSums<Float, Self>) -> Bool
  /// See `ColumnSums.add`.
  static func add(_ sums: ColumnSums<Double, Self>) -> Bool
  /// See `PlaneSums.moments`.
  static func moments(_ sums: PlaneSums<Float, Self>) -> (moments: PairMoments<Double>, isFinite: Bool)
  /// See `PlaneSums.moments`.
  static func moments(_ sums: PlaneSums<Double, Self>) -> (moments: PairMoments<Double>, isFinite: Bool)
  /// See `ApplyLoop.apply`.
  static func apply(_ loop: ApplyLoop<Float, Float, Self>, _ wants: ApplyWants) -> Bool
  /// See `ApplyLoop.apply`.
  static func apply(_ loop: ApplyLoop<Float, Double, Self>, _ wants: ApplyWants) -> Bool
  /// See `ApplyLoop.apply`.
  static func apply(_ loop: ApplyLoop<Double, Float, Self>, _ wants: ApplyWants) -> Bool
  /// See `ApplyLoop.apply`.
  static func apply(_ loop: ApplyLoop<Double, Double, Self>, _ wants: ApplyWants) -> Bool
  /// See `PowerSums.add`.
  static func add(_ sums: PowerSums<Float, Self>)
  /// See `PowerSums.add`.
  static func add(_ sums: PowerSums<Double, Self>)
  /// See `InputGradientLoop.add`.
  static func add(_ loop: InputGradientLoop<Float, Self>)
  /// See `InputGradientLoop.add`.
  static func add(_ loop: InputGradientLoop<Double, Self>)
}
