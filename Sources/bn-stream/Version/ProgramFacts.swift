import BatchNorm
import ChunkCodec
import Configuration
import HDF5
import Jobs
import LayerFiles
import StrictJSON

/// What `--version --verbose` says: which build this is, and what it found on this machine. A report of a fault begins with it.
struct ProgramFacts: Encodable {
  let version = programVersion
  /// The commit that the program was built from; nil if nobody said so when it was built.
  let commit = BuiltFrom.commit.isEmpty ? nil : BuiltFrom.commit
  /// True if the sources were not those of the commit.
  let hasChanges = BuiltFrom.hasChanges
  /// `debug` or `release`.
  let build = Self.configuration
  /// The version of the HDF5 library that is loaded.
  let hdf5 = HDF5Library.version
  /// The instructions that the chosen kernels use.
  let kernels = KernelSet.best.instructions
  /// Libraries for compressed data, by their filters: whether they were found.
  let libraries = Dictionary(
    uniqueKeysWithValues: [("deflate", true)] + CompressionLibrary.allCases.map { ($0.name, $0.isPresent) })
  let processor = Machine.processorName()
  /// Processors that the machine has, and those that this process may use.
  let processors = Machine.current.processors.available
  let processorsAllowed = Machine.current.processors.allowed
  /// Bytes.
  let memory = Machine.current.memory.available
  let memoryAllowed = Machine.current.memory.allowed

  /// As one JSON object.
  var json: String { canonicalJSON(self, isPretty: true) }

  private static var configuration: String {
    #if DEBUG
      "debug"
    #else
      "release"
    #endif
  }

  private enum CodingKeys: String, CodingKey {
    case version, commit
    case hasChanges = "has_changes"
    case build, hdf5, kernels, libraries, processor, processors
    case processorsAllowed = "processors_allowed"
    case memory
    case memoryAllowed = "memory_allowed"
  }
}

extension ProgramFacts {
  /// A line for each.
  var text: String {
    let found = libraries.keys.sorted().map { "\($0) \(libraries[$0] == true ? "found" : "not found")" }
    return """
      bn-stream \(version)
      commit     \(commit ?? "not known: built without a git repository, and without BN_STREAM_COMMIT")\
      \(hasChanges ? ", with changes" : "")
      build      \(build)
      HDF5       \(hdf5)
      kernels    \(kernels)
      libraries  \(found.joined(separator: ", "))
      processor  \(processor)
      may use    \(processorsAllowed) of \(processors) processors, \(ByteCount.text(memoryAllowed)) of \
      \(ByteCount.text(memory))
      """
  }
}

extension KernelSet {
  fileprivate var instructions: String {
    switch self {
    case .baseline:
      #if arch(x86_64)
        "AVX2"
      #else
        "baseline"
      #endif
    case .wide: "AVX-512"
    }
  }
}
