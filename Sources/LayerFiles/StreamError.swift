import ChunkCodec
import Configuration
import HDF5
import SystemPackage

/// Everything that can stop a run, as data. The words and the exit codes are the program's.
public enum StreamError: Error, Sendable, Equatable {
  // The input file.
  case noSuchInput(path: String)
  /// No file has a name like this.
  case noInputMatches(pattern: String)
  /// Several of `count` files; one has its own error.
  indirect case inputsUnusable([UnusableInput], of: Int)
  /// A file under two names.
  case inputTwice(path: String, other: String)
  /// Of several files, one is unlike the first.
  case filesDiffer(file: String, FileDifference, like: String)
  case inputUnreadable(path: String, Errno)
  case inputIsNotAFile(path: String)
  case inputIsNotHDF5(path: String)
  case inputDamaged(path: String, HDF5Error)
  case inputLocked(path: String, [LockHolder])
  case inputNotClosed(path: String)
  case noLayers(path: String, wanted: String, present: [PresentDataset], skipped: [StreamWarning])
  case layerInsideResults(file: String, layer: String, inside: String)
  /// `patterns` are those that match no layer.
  case noLayerSelected(path: String, patterns: [String], available: [String], skipped: [StreamWarning])
  /// Nobody selected layers, and no layer has a name that is UTF-8.
  case noLayerIsText(path: String, layers: [String])
  /// Warnings about roles and settings where `strict` forbids them; at least one.
  case refusedByStrict(file: String, warnings: [StreamWarning])

  // A dataset of the input.
  case twoNames(file: String, layer: String, names: [String])
  case linkNotFollowed(file: String, dataset: String, LinkEnd)
  case notADataset(file: String, path: String)
  case rankTooSmall(file: String, dataset: String, shape: [Int])
  case noSuchAxis(file: String, dataset: String, shape: [Int], axis: Int)
  case emptyAxis(file: String, dataset: String, shape: [Int])
  case notNumeric(file: String, dataset: String, type: String)
  case wrongShape(file: String, dataset: String, shape: [Int], expected: [Int], like: String)
  case wrongMaskShape(file: String, dataset: String, shape: [Int], allowed: [[Int]])
  case foreignStorage(file: String, dataset: String, kind: String)
  case unavailableFilter(file: String, dataset: String, filter: String, identifier: Int)
  case filterParameters(file: String, dataset: String, filter: String)
  case missingLibrary(
    file: String, dataset: String, filter: String, identifier: Int, CompressionLibrary)
  /// What a key of `output_storage` asks for needs a library.
  case missingEncoder(key: String, CompressionLibrary)
  case largerThanFile(file: String, dataset: String, shape: [Int], byteCount: Int, fileSize: Int)
  case offsetsInvalid(file: String, dataset: String, problem: OffsetsProblem)
  case labelsInvalid(file: String, dataset: String, problem: LabelsProblem)
  /// `value` is nil for what is neither a number nor a string.
  case attributeOutOfRange(
    file: String, layer: String, attribute: String, value: String?, allowed: AllowedValue)
  /// Running statistics are to normalize, and these are missing; `similar` is a name much like the first of them.
  case noRunningStatistics(file: String, layer: String, missing: [DatasetRole], similar: String?)
  case negativeVariance(file: String, dataset: String, feature: Int, value: Double, epsilon: Double)
  case nonfiniteGiven(file: String, dataset: String, feature: Int, value: Double, count: Int)

  // What the data does not allow.
  case singleValueBatch(file: String, layer: String, batch: Int, features: Int)
  case nothingCounts(file: String, layer: String, batch: Int)
  case partialBatch(file: String, layer: String, samples: Int, batchSize: Int)
  case nonfinite(file: String, layer: String, batch: Int, feature: Int, count: Int)
  case overflow(file: String, layer: String, batch: Int, feature: Int, what: Overflow)
  case maskNotANumber(file: String, dataset: String, index: [Int])
  case needsMemory(file: String, layer: String, need: Int, limit: Int, what: MemoryUse)

  // The output file.
  case sameFile(input: String, output: String)
  case outputExists(path: String)
  case outputIsFolder(path: String)
  case outputIsSpecial(path: String)
  case outputFolderMissing(path: String, folder: String)
  case outputNotCreated(path: String, Errno)
  case outputBusy(path: String, workspace: String)
  case shardBusy(path: String, workspace: String, shard: Shard)
  /// What a shard wrote down is not there any more as it was written.
  case shardDamaged(path: String, workspace: String, shard: Shard)
  /// A shard that shares batches with others has done what it could, and these have not come so far.
  case waitsForShards(path: String, workspace: String, shard: Shard, missing: [Int])
  case outputTakenOver(path: String)
  /// An output that exists was to be the same job's.
  case outputOfAnotherJob(path: String, differences: [JobDifference])
  /// `differences` says what is other than it was.
  case workspaceOfAnotherJob(path: String, workspace: String, differences: [JobDifference])
  case notEnoughSpace(path: String, need: Int, free: Int)

  // While running.
  case readFailed(path: String, Errno)
  case chunkDamaged(path: String, dataset: String, chunk: [Int], ChunkCodecError)
  case inputTruncated(path: String, dataset: String)
  case inputChanged(path: String)
  case writeFailed(path: String, Errno)
  case libraryReadFailed(path: String, HDF5Error)
  case libraryWriteFailed(path: String, HDF5Error)
  case outOfMemory(byteCount: Int)
  case interrupted
  /// The same, where the next run goes on with what lies in `workspace`.
  case suspended(workspace: String)

  /// A dataset of a file without layers.
  public struct PresentDataset: Sendable, Equatable {
    public let path: String
    public let shape: [Int]
  }

  /// In what an unfinished job differs from one that is to go on with it.
  public enum JobDifference: Sendable, Hashable {
    /// The program's version, or that of the workspace.
    case program(found: String, now: String)
    /// A library whose version decides bytes.
    case libraries(found: String, now: String)
    /// Size and time of change.
    case input
    /// Keys of the configuration.
    case configuration([String])
    /// What the input holds, or what became of the settings.
    case plan
    /// Into how many shards the job is divided; nil if it is not.
    case shards(found: Int?, now: Int?)
    /// Something that this program does not know.
    case unknown
  }

  /// Which number does not fit into a Double.
  public enum Overflow: Sendable, Equatable {
    case variance
    case gradient
  }

  /// What memory is needed for.
  public enum MemoryUse: Sendable, Equatable {
    /// The least of a batch that is read and summed at once.
    case smallestPart(samples: Int)
    /// Every node of the computational graph of a batch.
    case graph(batch: Int, samples: Int)
    /// All samples of a layer, to train on.
    case allSamples(Int)
    /// The covariance of all features, and its decomposition.
    case covariance(features: Int)
  }

  /// What is wrong with `batch_offsets`.
  public enum OffsetsProblem: Sendable, Equatable {
    case notIntegers(type: String)
    case notAVector(shape: [Int])
    case tooFew(count: Int)
    case firstIsNotZero(Int)
    case decreases(index: Int, from: Int, to: Int)
    case lastIsNotSampleCount(last: Int, samples: Int)
  }

  /// What is wrong with `labels`.
  public enum LabelsProblem: Sendable, Equatable {
    case notIntegers(type: String)
    case notOneForEachSample(shape: [Int], samples: Int)
    case negative(sample: Int, Int)
  }
}

extension StreamError {
  /// True if the same job can succeed later from where it is: what stopped it is no fault of the data or of what was asked for.
  package var isResumable: Bool {
    switch self {
    case .readFailed, .writeFailed, .outOfMemory, .interrupted, .suspended: true
    default: false
    }
  }
}
