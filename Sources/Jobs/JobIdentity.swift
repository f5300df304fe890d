import Configuration
import Foundation
import HDF5
import LayerFiles
import StrictJSON

/// What makes a job this job and no other: everything that decides a byte of its output. It stands in an unfinished output's
/// `job.json`, and only the same job goes on with that.
///
/// Threads, memory and `sync` are no part of it, since results do not depend on them; nor are the names of the files.
struct JobIdentity: Codable, Equatable {
  /// Of the workspace's files: another number is another program's.
  var format = 2
  /// Of the program.
  var version = programVersion
  /// Those whose version decides bytes.
  var libraries = ["HDF5 \(HDF5Library.version)"]
  /// As it was given when the job began, for people.
  var input: String
  /// The same of several, in their order; nil for one.
  var inputs: [String]?
  /// Bytes.
  var inputSize: Int
  /// Nanoseconds since 1970.
  var inputModified: Int64
  /// Of the sizes and times of several files; nil for one.
  var inputChecksum: String?
  /// Into how many shards it is divided; nil if it is not.
  var shards: Int?
  /// What was asked for.
  var configuration: JSONValue
  /// The checksum of all that was found in the input and resolved: shapes, types, places, settings, and how features are cut.
  var plan: String

  enum CodingKeys: String, CodingKey {
    case format, version, libraries, input, inputs, shards, configuration, plan
    case inputSize = "input_size"
    case inputModified = "input_modified"
    case inputChecksum = "input_checksum"
  }

  init(_ plan: JobPlan) {
    var configuration = plan.job.configuration
    configuration.threads = nil
    configuration.memory = nil
    configuration.synchronizes = true
    input = plan.input.path
    inputs = plan.job.severalInputs
    inputSize = plan.input.byteCount
    inputModified = plan.input.modified
    inputChecksum = plan.input.checksum
    self.configuration = configuration.jsonValue
    var words = RecordWriter()
    for layer in plan.layers { layer.describe(to: &words) }
    shards = plan.job.shard?.count
    // Who finishes it reads what the others wrote down of each slice of the features.
    if shards != nil { for schedule in plan.schedules { words.append(schedule.featuresPerSlice) } }
    if let codec = plan.job.configuration.outputStorage.codecDigest { libraries.append(codec) }
    self.plan = words.bytes.withUnsafeBytes { Checksum(of: $0) }.text
  }

  /// As `job.json` holds it.
  var json: [UInt8] { Array((canonicalJSON(self, isPretty: true) + "\n").utf8) }

  /// In what a job that was written down differs from this one; nothing if it is the same. nil if it was not written to its end, as when
  /// the power failed.
  func differences(from job: [UInt8]) -> [StreamError.JobDifference]? {
    guard (try? JSONParser.parse(job)) != nil else { return nil }
    guard let other = try? JSONDecoder().decode(JobIdentity.self, from: Data(job)) else { return [.unknown] }
    var all: [StreamError.JobDifference] = []
    if other.format != format || other.version != version {
      all.append(.program(found: other.version, now: version))
    }
    if other.libraries != libraries {
      all.append(
        .libraries(
          found: other.libraries.joined(separator: ", "), now: libraries.joined(separator: ", ")))
    }
    if (other.inputSize, other.inputModified, other.inputChecksum) != (
      inputSize, inputModified, inputChecksum
    ) {
      all.append(.input)
    }
    if other.configuration != configuration {
      all.append(.configuration(other.configuration.differingKeys(from: configuration)))
    }
    if other.shards != shards { all.append(.shards(found: other.shards, now: shards)) }
    // What follows from the others need not be said.
    if all.isEmpty, other.plan != plan { all.append(.plan) }
    return all
  }
}

extension Layer {
  /// Writes down everything about the layer that decides bytes.
  fileprivate func describe(to words: inout RecordWriter) {
    func say(_ text: String) { words.append(Array(text.utf8)) }
    say(path)
    say(settings.json)
    say(RoleNames(datasetNames).json)
    say("\(activations.shape) \(activations.type) \(activations.storage)")
    say(gradOutput.map { "\($0.shape) \($0.type) \($0.storage)" } ?? "")
    say(mask == nil ? "" : "mask")
    say("\(featureAxis) \(outputType) \(LayerResult.allCases.filter(writes))")
    words.append(batches.count)
    words.append(batches.sampleCount)
    words.append(batches.largest)
  }
}
