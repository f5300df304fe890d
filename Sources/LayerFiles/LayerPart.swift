import BatchNorm
import Configuration
import HDF5
import Parallel
import StrictJSON

/// What one file has of a layer's samples.
struct LayerPart {
  let activations: InputDataset
  let gradOutput: InputDataset?
  let mask: MaskDataset?
  /// Where batches begin, and the end, counted in the file; nil if it does not say.
  let batchOffsets: [Int]?
  let layout: FeatureLayout
  /// From 1, and who said so.
  let featureAxis: Setting<Int>

  var sampleCount: Int { activations.shape[0] }

  /// The samples of other files after these.
  func followed(by others: [LayerPart]) -> LayerPart {
    guard !others.isEmpty else { return self }
    var boundaries = batchOffsets
    var samples = sampleCount
    for other in others {
      boundaries?.append(contentsOf: (other.batchOffsets ?? []).dropFirst().map { $0 + samples })
      samples += other.sampleCount
    }
    return LayerPart(
      activations: activations.followed(by: others.map(\.activations)),
      gradOutput: gradOutput?.followed(by: others.compactMap(\.gradOutput)),
      mask: mask?.followed(by: others.compactMap(\.mask)),
      batchOffsets: boundaries, layout: layout, featureAxis: featureAxis)
  }
}

extension LayerReader {
  /// What the other files have of the layer's samples, which must fit to what this one has.
  /// - Throws: `StreamError`, for every file that does not fit.
  func followingParts(after own: LayerPart) throws -> [LayerPart] {
    try StreamError.collecting(following, \.file) { other in
      let part = try other.part()
      if let difference = try difference(of: part, in: other, from: own) {
        throw StreamError.filesDiffer(file: other.file, difference, like: file)
      }
      return part
    }
  }

  private func difference(
    of part: LayerPart, in other: LayerReader, from own: LayerPart
  ) throws -> StreamError.FileDifference? {
    if part.featureAxis.value != own.featureAxis.value {
      return .setting(
        layer: name, name: JobConfiguration.Key.featureAxis.rawValue, "\(part.featureAxis.value)",
        expected: "\(own.featureAxis.value)")
    }
    for (part, own) in [
      (part.activations, own.activations as InputDataset?), (part.gradOutput, own.gradOutput),
    ] {
      guard let part, let own else { continue }
      if part.shape.dropFirst() != own.shape.dropFirst() {
        return .shape(dataset: part.path, part.shape, expected: own.shape)
      }
      if part.type.kind != own.type.kind {
        return .type(
          dataset: part.path, part.type.kind.rawValue, expected: own.type.kind.rawValue)
      }
    }
    let roles: [(DatasetRole, Bool, Bool)] = [
      (.gradOutput, part.gradOutput == nil, own.gradOutput == nil),
      (.mask, part.mask == nil, own.mask == nil),
      (.batchOffsets, part.batchOffsets == nil, own.batchOffsets == nil),
    ]
    for (role, isMissing, isMissingHere) in roles where isMissing != isMissingHere {
      return .role(layer: name, role, isMissing: isMissing)
    }
    if own.batchOffsets == nil, let difference = try difference(.batchSize, other) { return difference }
    return try difference(.statistics, other) ?? difference(.epsilon, other) ?? difference(.momentum, other)
      ?? difference(.runningVariance, other)
  }

  private func difference<Value>(
    _ setting: LayerSetting<Value>, _ other: LayerReader
  ) throws -> StreamError.FileDifference? {
    let (theirs, own) = (try other.setting(setting).value, try self.setting(setting).value)
    guard theirs != own else { return nil }
    return .setting(
      layer: name, name: setting.key.rawValue, canonicalJSON(theirs.json), expected: canonicalJSON(own.json))
  }

  /// Parameters are taken from this file; another may lack them, or repeat them. What no result needs may be anything: running
  /// statistics differ where files were recorded one after the other.
  /// - Throws: `StreamError`, for every file that has others.
  func checkVectorsOfFollowing(_ layer: Layer) throws {
    _ = try StreamError.collecting(following, \.file) { other in
      if let difference = try differenceOfVectors(other, layer) {
        throw StreamError.filesDiffer(file: other.file, difference, like: file)
      }
    }
  }

  private func differenceOfVectors(
    _ other: LayerReader, _ layer: Layer
  ) throws -> StreamError.FileDifference? {
    let (count, vectors) = (layer.featureCount, layer.given)
    let others = try other.givenVectors(count, like: layer.activations)
    let roles: [(DatasetRole, FeatureVector?, FeatureVector?)] = [
      (.gamma, others.gamma, vectors.gamma), (.beta, others.beta, vectors.beta),
      (.runningMean, others.runningMean, vectors.runningMean),
      (.runningVariance, others.runningVariance, vectors.runningVariance),
    ]
    for (role, theirs, own) in roles where layer.needs(role) {
      guard let theirs else { continue }
      guard let own else { return .role(layer: name, role, isMissing: false) }
      for features in (0..<count).divided(by: FeatureVector.mostKept) {
        let (found, expected) = (try theirs.values(features), try own.values(features))
        if let index = features.indices.first(where: {
          found[$0 - features.lowerBound].bitPattern != expected[$0 - features.lowerBound].bitPattern
        }) {
          let place = index - features.lowerBound
          return .value(dataset: theirs.path, feature: index, found[place], expected: expected[place])
        }
      }
    }
    return nil
  }
}
