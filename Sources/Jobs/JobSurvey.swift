import Configuration
import LayerFiles

/// An input file looked into: its groups that are layers or nearly, and what a run would do with each, or say of it. Unlike a
/// plan, it stands whatever is wrong.
public struct JobSurvey: Sendable {
  /// What a run would make of a group.
  public enum Outcome: Sendable {
    case planned(Layer, Schedule)
    case refused(StreamError)
    /// It is no layer, for want of these.
    case lacks([DatasetRole])
  }

  /// What was asked for.
  public let job: Job
  /// Layers first, by path; then groups that nearly are layers.
  public let groups: [(facts: GroupFacts, outcome: Outcome)]
  /// The error with which a run would stop before its first number; nil if it would begin.
  public let refusal: StreamError?
  /// What a run would warn of.
  public let warnings: [StreamWarning]

  /// Opens the input and looks into it, without reading large data.
  /// - Throws: `StreamError` if it is no file that can be read.
  public init(_ job: Job) throws {
    self.job = job
    let input = try InputFile(path: job.input)
    let survey = try input.survey(job.configuration)
    var layers: [Layer] = []
    // In the order in which a run finds them.
    var refusals = [survey.problem].compactMap { $0 }
    for case .refused(let error) in survey.groups.map(\.outcome) { refusals.append(error) }
    for case .layer(let layer) in survey.groups.map(\.outcome) { layers.append(layer) }
    let misplaced = JobPlan.misplacedLayer(layers, file: job.input)
    if let misplaced { refusals.append(misplaced.error) }
    var late: [StreamError] = []
    groups = survey.groups.map { group in
      switch group.outcome {
      case .refused(let error): return (group.facts, .refused(error))
      case .lacks(let roles): return (group.facts, .lacks(roles))
      case .layer(let layer) where layer.path == misplaced?.path:
        return (group.facts, .refused(misplaced!.error))
      case .layer(let layer):
        do throws(StreamError) {
          return (group.facts, .planned(layer, try JobPlan.schedule(of: layer, in: job)))
        } catch {
          late.append(error)
          return (group.facts, .refused(error))
        }
      }
    }
    warnings = input.warnings + survey.warnings + StreamWarning.merged(layers.flatMap(\.warnings))
    refusal = (refusals + late).first ?? JobPlan.strictness(warnings, of: job)
  }
}
