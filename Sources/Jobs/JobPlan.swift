import Configuration
import HDF5
import LayerFiles

/// An input file that was opened and understood: its layers, and how each will be run. Nothing was written yet.
public struct JobPlan: Sendable {
  /// What was asked for.
  public let job: Job
  /// The layers to run, by path.
  public let layers: [Layer]
  /// One for each layer.
  public let arrangements: [Arrangement]
  /// What the user should know though nothing is wrong.
  public let warnings: [StreamWarning]
  /// Keeps the layers' datasets open.
  package let input: InputFile

  /// Opens the input and checks everything that can be known before the first number is computed.
  /// - Throws: `StreamError`.
  public init(_ job: Job) throws {
    self.job = job
    input = try InputFile(path: job.input)
    do {
      let fileSize = input.status.size
      layers = try LayerFinder(file: input.library, path: job.input, configuration: job.configuration)
        .layers()
        .map {
          try LayerReader(
            group: $0, file: job.input, fileSize: fileSize, configuration: job.configuration
          ).layer()
        }
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: job.input, error)
    }
    try Self.checkPlaces(layers, file: job.input)
    arrangements = try layers.map {
      try ArrangementChooser(
        layer: $0, workers: job.threads, memory: job.memory, storage: job.configuration.outputStorage
      )
      .arrangement(file: job.input)
    }
    warnings = input.warnings + StreamWarning.merged(layers.flatMap(\.warnings))
    input.positional.adviseSequentialReading()
  }

  /// Refuses a layer whose group has the name of another one's result, as `/a/output` has beside the layer `/a`.
  private static func checkPlaces(_ layers: [Layer], file: String) throws(StreamError) {
    let byPath = Dictionary(uniqueKeysWithValues: layers.map { ($0.path, $0) })
    for layer in layers {
      let names = layer.path.split(separator: "/").map(String.init)
      for depth in names.indices {
        let parent = byPath["/" + names[..<depth].joined(separator: "/")]
        let isTaken = OutputTensor.allCases.contains {
          $0.names.contains(names[depth]) && parent?.writes($0) == true
        }
        if let parent, isTaken {
          throw .layerInsideResults(file: file, layer: layer.path, inside: parent.path)
        }
      }
    }
  }

  /// Bytes of results, without what HDF5 adds.
  public var outputByteCount: Int { layers.reduce(0) { $0 + $1.outputByteCount } }

  /// Bytes that the output takes at least; how far compression goes is not known before.
  var leastOutputByteCount: Int { job.configuration.outputStorage.gzipLevel > 0 ? 0 : outputByteCount }

  /// Bytes that reading takes, all passes together.
  public var inputByteCount: Int {
    zip(layers, arrangements).reduce(0) { $0 + $1.0.inputByteCount * $1.1.passes($1.0) }
  }
}

extension Layer {
  /// Bytes of the large inputs, read once.
  package var inputByteCount: Int {
    let perSample =
      activations.sampleByteCount + (readsGradient ? gradOutput?.sampleByteCount ?? 0 : 0)
    return batches.sampleCount * perSample
  }
}
