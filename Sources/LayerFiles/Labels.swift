import Configuration
import HDF5

/// The dataset with the class of each sample of a layer: its own, or one that several layers share.
package struct LabelsDataset {
  /// Its path.
  package let path: String
  private let file: String
  private let dataset: Dataset

  fileprivate init(_ dataset: Dataset, in file: String) {
    path = dataset.path
    self.file = file
    self.dataset = dataset
  }

  /// The classes, [N], which are numbers from 0.
  /// - Throws: `StreamError`.
  package func classes() throws -> [Int] {
    let classes: [Int]
    do {
      classes = try dataset.readIntegers()
    } catch {
      throw StreamError.libraryReadFailed(path: file, error)
    }
    // Programs mark samples that have no class by -1, and there is nothing to learn from those.
    if let sample = classes.firstIndex(where: { $0 < 0 }) {
      throw StreamError.labelsInvalid(
        file: file, dataset: path, problem: .negative(sample: sample, classes[sample]))
    }
    return classes
  }
}

extension InputFile {
  /// The labels of a layer.
  package enum Labels {
    case dataset(LabelsDataset)
    /// There are none. `similar` is what is called nearly so in the layer's group.
    case missing(similar: String?)
  }

  /// Finds the labels of a layer in this file: in the layer's group by the name that the configuration gives or the usual ones, else in the
  /// groups around it, or by the configuration's pattern.
  ///
  /// - Throws: `StreamError` if there are several, or one that is not [N] of integers, or that cannot be read safely.
  package func labels(of layer: Layer, _ configuration: JobConfiguration) throws -> Labels {
    do {
      let found = try relisted(FoundLayer(name: layer.path, place: layer.place))
      return try reader(of: found, CommonOfLayers(self, [found], configuration)).labels(layer.sampleCount)
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: path, error)
    }
  }
}

extension LayerReader {
  fileprivate func labels(_ sampleCount: Int) throws -> InputFile.Labels {
    guard let (dataset, _) = try dataset(.labels) else {
      return .missing(
        similar: facts().unusedNames.first { $0.looksLike == DatasetRole.labels.rawValue }?.name)
    }
    func invalid(_ problem: StreamError.LabelsProblem) -> StreamError {
      .labelsInvalid(file: file, dataset: dataset.path, problem: problem)
    }
    guard let format = NumberFormat(dataset.type, readsUInt16AsBFloat16: false), !format.type.kind.isFloat
    else {
      throw invalid(.notIntegers(type: dataset.type.description))
    }
    guard dataset.vectorLength == sampleCount || sampleCount == 0 && dataset.elementCount == 0 else {
      throw invalid(.notOneForEachSample(shape: dataset.shape, samples: sampleCount))
    }
    try checkStorage(dataset)
    return .dataset(LabelsDataset(dataset, in: file))
  }
}
