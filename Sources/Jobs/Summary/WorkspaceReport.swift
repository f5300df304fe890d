import Configuration
import Foundation
import LayerFiles
import StrictJSON

/// How far an unfinished output is: the one object that `inspect --json` prints of a workspace. Its JSON Schema is
/// docs/workspace.schema.json.
package struct WorkspaceReport: Codable, Sendable, Equatable {
  /// The program's version.
  package var version: String
  /// The folder, as given.
  package var workspace: String
  /// Bytes of what lies in it.
  package var byteCount: Int
  /// True if a process works on it now.
  package var isRunning: Bool
  /// True if a run of the same job goes on with it; false if it begins anew, or is refused.
  package var isResumable: Bool
  /// What is written down of the job; absent if nothing is.
  package var job: UnfinishedJob?
  /// The share that is finished, by bytes of the input, from 0 to 1; absent where it is not known.
  package var share: Double?
  /// The same of each layer.
  package var layers: [LayerShare]?
  /// How far each shard is; absent if the job is not divided.
  package var shards: [ShardState]?
  /// What a run that would go on says; absent if it goes on, or nothing is written down.
  package var refusal: JobSummary.Failure?

  package struct UnfinishedJob: Codable, Sendable, Equatable {
    /// The version of the program that began it.
    package var version: String
    /// The input, as it was given.
    package var input: String
    /// The same of several, in their order; nil for one.
    package var inputs: [String]?
    /// What was asked for.
    package var configuration: JSONValue

    package init(version: String, input: String, inputs: [String]? = nil, configuration: JSONValue) {
      self.version = version
      self.input = input
      self.inputs = inputs
      self.configuration = configuration
    }
  }

  package struct LayerShare: Codable, Sendable, Equatable {
    package var path: String
    package var share: Double

    package init(path: String, share: Double) {
      self.path = path
      self.share = share
    }
  }

  package struct ShardState: Codable, Sendable, Equatable {
    package var index: Int
    package var state: State

    package enum State: String, Codable, Sendable {
      case done, running
      /// It shares batches with others, which have not come as far.
      case waiting
      /// It was begun, and nobody works on it.
      case interrupted
      case missing
    }

    package init(index: Int, state: State) {
      self.index = index
      self.state = state
    }
  }

  /// The report as a JSON object in readable lines.
  package var json: String { canonicalJSON(self, isPretty: true) }

  private enum CodingKeys: String, CodingKey {
    case version, workspace
    case byteCount = "bytes"
    case isRunning = "running"
    case isResumable = "resumable"
    case job, share, layers, shards, refusal
  }

  /// Looks at a folder. What is recorded is taken at its word: a run that goes on reads it all and compares checksums.
  /// - Parameter failure: what the program says of an error.
  /// - Returns: nil if it is no workspace.
  /// - Throws: `StreamError` if it cannot be read.
  package init?(folder: String, failure: (any Error) -> JobSummary.Failure) throws {
    guard let contents = try WorkspaceContents(folder: folder) else { return nil }
    version = programVersion
    workspace = folder
    byteCount = contents.byteCount
    isRunning = contents.isOwned
    isResumable = false
    guard let bytes = contents.job,
      let identity = try? JSONDecoder().decode(JobIdentity.self, from: Data(bytes)),
      let ledger = try contents.ledger()
    else { return }
    job = UnfinishedJob(
      version: identity.version, input: identity.input, inputs: identity.inputs,
      configuration: identity.configuration)
    do {
      let configuration = try JobConfiguration(
        json: canonicalJSON(identity.configuration, isPretty: false), source: contents.folder + "/job.json")
      var job = Job(
        inputs: identity.inputs ?? [identity.input], output: nil, configuration: configuration,
        replacesOutput: false)
      job.shard = identity.shards.flatMap { Shard(index: 0, count: $0) }
      let plan = try JobPlan(job)
      // Where a setting came from is part of the plan, and is not known here.
      let differences = JobIdentity(plan).differences(from: bytes)?.filter { $0 != .plan } ?? []
      guard differences.isEmpty else {
        throw StreamError.workspaceOfAnotherJob(
          path: Self.output(of: contents.folder), workspace: contents.folder, differences: differences)
      }
      let spools = configuration.outputStorage.layout == .chunked
      guard contents.hasWork(spools: spools, isDivided: identity.shards != nil) else { return }
      var earlier = try EarlierWork(ledger, plan.layers) { _ in
      } checks: { _ in
        true
      }
      isResumable = true
      if let count = identity.shards { shards = try Self.shards(count, contents, plan.layers, &earlier) }
      share = earlier.share(of: plan.layers)
      layers = plan.layers.enumerated().map {
        LayerShare(path: $1.path, share: earlier.share(ofLayer: $0, $1))
      }
    } catch {
      refusal = failure(error)
    }
  }

  /// - Parameter work: is told what the shards finished.
  private static func shards(
    _ count: Int, _ contents: WorkspaceContents, _ layers: [Layer], _ work: inout EarlierWork
  ) throws -> [ShardState] {
    try (0..<count).compactMap { Shard(index: $0, count: count) }.map { shard in
      var state = ShardState(index: shard.index, state: .missing)
      if let ledger = try contents.ledger(of: shard) {
        state.state = try contents.isOwned(shard) ? .running : .interrupted
        try ledger.read { bytes in
          switch ShardMark(bytes) {
          case .end: state.state = .done
          case .waiting: if state.state == .interrupted { state.state = .waiting }
          case nil: break
          }
          if let record = ShardRecord(bytes, layers) { work.add(record, of: layers[record.layer]) }
        }
      }
      return state
    }
  }

  /// The output that a workspace is of, unless its name was shortened.
  private static func output(of folder: String) -> String {
    folder.hasSuffix(".partial") ? String(folder.dropLast(".partial".count)) : folder
  }
}
