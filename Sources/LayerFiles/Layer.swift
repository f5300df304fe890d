import BatchNorm
import Configuration
import HDF5

/// One layer of the input, checked and ready to run: where its data is and what is to be done with it.
public struct Layer: Sendable {
  /// The group's path in the input, "/" for the root.
  public let path: String
  /// x, [N, …].
  public let activations: InputDataset
  /// dL/dy; nil if only the forward pass runs.
  public let gradOutput: InputDataset?
  /// Which values count in the statistics; nil if all do.
  public let mask: MaskDataset?

  /// Number of samples, N, of which `batches` may leave some out.
  public let sampleCount: Int
  /// The features' axis, from 1.
  public let featureAxis: Int
  /// The view of each sample as [P, C, S].
  public let layout: FeatureLayout
  /// The ranges of samples that are normalized together.
  public internal(set) var batches: Batches
  /// What divides the samples, for people.
  public internal(set) var batchDivision: BatchDivision

  /// [C]; nil for those that make y = x, which every batch has of its own.
  public let parameters: [FeatureParameters]?
  /// [C], the running statistics before the run.
  public let running: [GivenStatistics]

  /// Which statistics normalize, and whether the gradient flows through them.
  public let normalization: Normalization
  /// ε, at least 0.
  public let epsilon: Double
  /// How the running statistics follow the batches.
  public let momentum: Momentum
  /// The tensors to write.
  public internal(set) var outputs: Set<OutputTensor>
  /// The element type of the tensors as large as the activations.
  public internal(set) var outputType: NumericType

  /// What the user should know of the layer though nothing is wrong.
  public let warnings: [StreamWarning]

  /// The numbers that kernels compute on.
  public var kernelType: KernelType {
    [activations.type, gradOutput?.type ?? activations.type].contains { $0.kernelType == .double }
      ? .double : .float
  }

  /// C.
  public var featureCount: Int { layout.featureCount }

  /// Closes the datasets of the input, which are not needed after the layer's run.
  package func closeInputs() throws(HDF5Error) {
    try activations.dataset.close()
    try gradOutput?.dataset.close()
    try mask?.dataset.close()
  }

  /// Bytes that the large outputs take in the file.
  package var outputByteCount: Int {
    let tensors = OutputTensor.large.filter(writes).count
    return batches.sampleCount * layout.valuesPerSample * outputType.byteCount * tensors
  }

  /// True if a tensor is asked for and can be computed.
  package func writes(_ tensor: OutputTensor) -> Bool {
    switch tensor {
    case .gradInput, .gradGamma, .gradBeta: outputs.contains(tensor) && gradOutput != nil
    default: outputs.contains(tensor)
    }
  }

  /// True if a tensor as large as the activations is written, so that the data needs a visit after the statistics.
  package var writesLargeTensors: Bool {
    writes(.output) || writes(.normalized) || writes(.gradInput)
  }

  /// True if dy is needed at all.
  package var readsGradient: Bool {
    gradOutput != nil
      && (writes(.gradInput) || writes(.gradGamma) || writes(.gradBeta) || writes(.batches))
  }
}

/// A dataset as large as the activations.
public struct InputDataset: Sendable {
  /// Where it is.
  public let dataset: Dataset
  /// How its elements are to be understood.
  public let type: NumericType

  /// The chunks, if they can be decoded here; nil for other storage, unknown filters, fill values, and data that was
  /// never written. Kept, because the library counts the stored chunks to tell.
  package let decodableChunks: ChunkLayout?

  package init(dataset: Dataset, type: NumericType) {
    self.dataset = dataset
    self.type = type
    decodableChunks = Self.decodableChunks(dataset, type)
  }

  /// Bytes of one sample in the file's type.
  package var sampleByteCount: Int { dataset.rowElementCount * type.byteCount }
}

/// The dataset that says which values count in the statistics.
public struct MaskDataset: Sendable {
  /// Where it is.
  public let dataset: Dataset
  /// 1 if a whole sample counts or not, P·S if every position has an entry of its own.
  public let entriesPerSample: Int
}

extension NumericType {
  /// What the kernels compute on when elements have this type: the smallest that holds every value, or Double.
  package var kernelType: KernelType {
    switch kind {
    case .float16, .bfloat16, .float32, .int8, .uint8, .int16, .uint16: .float
    case .float64, .int32, .uint32, .int64, .uint64: .double
    }
  }
}

extension KernelType {
  /// How its numbers lie in memory.
  package var numericType: NumericType { self == .float ? .float32 : .float64 }
}
