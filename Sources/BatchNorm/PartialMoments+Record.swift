import Arithmetic

extension PartialMoments {
  /// The part as bytes, as `MomentRecord` describes them: header, then
  ///
  ///     8  the first leaf
  ///     8  samples
  ///     1  1 if the moments of all values have gradients, else 0
  ///        the moments of each node; the nodes and their places follow from the first leaf and the samples
  ///        the moments of the rows that are too few for a wide row, if there are any
  ///        counts of what is not finite among x, then among dy
  ///
  /// and under a mask
  ///
  ///     1  1 if the moments of the values that count have gradients, else 0
  ///        for each node 8 bytes with the number of values that count, and its moments
  ///        counts of what is not finite among those values of x
  ///     1  1 if the sums of all values have gradients, else 0
  ///        the sums of each of these nodes, in place of means
  ///
  /// About 56 bytes a column and node, 32 without dy. The same part gives the same bytes.
  public func record() -> [UInt8] {
    var writer = MomentRecordWriter(.part, decomposition, hasMask: hasMask, isCentered: isCentered)
    writer.append(firstLeaf)
    writer.append(samples)
    let rest = all.rest.map(\.moments).octets
    let hasGradients =
      all.nodes.contains { $0.octets.contains(where: \.hasGradients) } || rest.contains(where: \.hasGradients)
    writer.append(flag: hasGradients)
    for node in all.nodes {
      writer.append(node.octets, columns: decomposition.columnCount, hasGradients: hasGradients)
    }
    writer.append(rest, columns: all.rest.count, hasGradients: hasGradients)
    writer.append(all.nonfiniteValues)
    writer.append(all.nonfiniteGradients)
    if let masked {
      for part in [masked.counted, masked.weighed] {
        let hasGradients = part.nodes.contains { $0.octets.contains(where: \.hasGradients) }
        writer.append(flag: hasGradients)
        for node in part.nodes {
          writer.append(node.count)
          writer.append(node.octets, columns: decomposition.layout.featureCount, hasGradients: hasGradients)
        }
        writer.append(part.nonfiniteValues)
      }
    }
    return writer.finished()
  }

  /// The part that was written as `record`.
  /// - Parameters:
  ///   - record: the bytes.
  ///   - decomposition: of the layer that the part is to belong to.
  /// - Throws: `MomentRecordError` if the bytes are no such record. No more memory is used than some times the bytes' own.
  public init(record: [UInt8], of decomposition: Decomposition) throws(MomentRecordError) {
    var reader = try MomentRecordReader(record, .part, decomposition)
    let (layout, columns) = (decomposition.layout, decomposition.columnCount)
    let firstLeaf = try reader.count(atMost: decomposition.lastLeaf, .samples)
    let samples = try reader.count(
      atMost: decomposition.lastSample - firstLeaf * decomposition.samplesPerLeaf, .samples)
    let values = samples * layout.valuesPerFeatureAndSample

    let hasGradients = try reader.flag()
    var nodes: [TreePart.Node] = []
    for node in decomposition.nodes(firstLeaf: firstLeaf, samples: samples) {
      nodes.append(
        TreePart.Node(
          place: node.place, count: node.count,
          octets: try reader.moments(columns: columns, hasGradients: hasGradients)))
    }
    var rest: [FeatureMoments] = []
    let restCount = decomposition.restValues(inSamples: samples)
    if restCount > 0 {
      let octets = try reader.moments(columns: layout.featureCount, hasGradients: hasGradients)
      rest = (0..<layout.featureCount).map {
        FeatureMoments(count: restCount, moments: octets[$0 / 8][$0 % 8])
      }
    }
    all = TreePart(
      nodes: nodes, rest: rest,
      nonfiniteValues: try reader.nonfinite(featureCount: layout.featureCount, values: values),
      nonfiniteGradients: try reader.nonfinite(featureCount: layout.featureCount, values: values))

    func maskedTree() throws(MomentRecordError) -> TreePart {
      let hasGradients = try reader.flag()
      var nodes: [TreePart.Node] = []
      for place in TreePlace.covering(firstLeaf..<firstLeaf + decomposition.leafCount(samples: samples)) {
        let nodeSamples = min(
          samples - (place.leaves.lowerBound - firstLeaf) * decomposition.samplesPerLeaf,
          place.leaves.count * decomposition.samplesPerLeaf)
        let count = try reader.count(atMost: nodeSamples * layout.valuesPerFeatureAndSample, .count)
        nodes.append(
          TreePart.Node(
            place: place, count: count,
            octets: try reader.moments(columns: layout.featureCount, hasGradients: hasGradients)))
      }
      return TreePart(
        nodes: nodes,
        nonfiniteValues: try reader.nonfinite(
          featureCount: layout.featureCount, values: nodes.reduce(0) { $0 + $1.count }))
    }
    masked = reader.hasMask ? MaskedPart(counted: try maskedTree(), weighed: try maskedTree()) : nil
    try reader.finish()
    isCentered = reader.isCentered
    self.decomposition = decomposition
    self.firstLeaf = firstLeaf
    self.samples = samples
  }
}

extension Decomposition {
  /// The largest number of samples of which every value still has a number of its own; with room for what is added to it.
  fileprivate var lastSample: Int { (Int.max >> 8) / max(1, layout.valuesPerSample, samplesPerLeaf) }

  /// The largest leaf that can begin there.
  fileprivate var lastLeaf: Int { lastSample / samplesPerLeaf }

  /// Values of each feature in the rows of some samples that make no whole wide row.
  fileprivate func restValues(inSamples samples: Int) -> Int {
    lanesAreColumns ? rows(inSamples: samples % samplesPerLeaf).rest * layout.planeLength : 0
  }
}

extension [PairMoments<Double>] {
  /// Eight side by side, 0 where there are no more.
  var octets: [PairMoments<Lanes>] {
    stride(from: 0, to: count, by: 8).map { first in
      var octet = PairMoments<Lanes>.empty
      for lane in 0..<Swift.min(8, count - first) { octet[lane] = self[first + lane] }
      return octet
    }
  }
}
