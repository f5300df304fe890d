import Configuration
import HDF5
import LayerFiles

extension Merging {
  /// Pools all layers, and writes them to a file that is read as a result: population statistics, the moments, so that it can be merged
  /// again, and with a prior the blended statistics as `running_mean` and `running_var`, as which a model keeps them.
  /// - Parameters:
  ///   - path: of the file.
  ///   - replaces: true if an existing file may be replaced.
  ///   - progress: called after each layer.
  /// - Returns: the layers.
  /// - Throws: `ReportError`, `StreamError`; then there is no file.
  public func write(
    to path: String, replaces: Bool, progress: (String) throws -> Void
  ) throws -> [MergedLayer] {
    let layers = try layerPaths.map { path in
      try progress(path)
      return try layer(path)
    }
    try checkFilesAreUnchanged()
    let output = try OutputFile(
      path: path, inputs: files.map(\.path) + [prior?.file].compactMap(\.self), replaces: replaces,
      byteCount: layers.reduce(0) { $0 + 9 * 8 * $1.featureCount })
    do throws(HDF5Error) {
      let root = output.created.root
      try root.writeAttribute("program", "bn-stream")
      try root.writeAttribute("version", programVersion)
      try root.writeAttribute("merged_from", files.map(\.path.legible))
      if let prior {
        try root.writeAttribute("prior", prior.file.legible)
        try root.writeAttribute("prior_samples", prior.samples)
      }
      for layer in layers { try Self.write(layer, to: root) }
    } catch {
      throw StreamError.libraryWriteFailed(path: path, error)
    }
    try output.complete()
    return layers
  }

  private static func write(_ layer: MergedLayer, to root: Group) throws(HDF5Error) {
    var group = root
    for name in layer.path.pathComponents {
      group = try group.hasLink(name) ? group.group(name) : group.createGroup(name)
    }
    func write(_ result: LayerResult, _ values: [Double], in group: Group) throws(HDF5Error) {
      let dataset = try group.createDataset(
        result.name, type: .float64, shape: [values.count], storage: .contiguous)
      if let formula = result.entry.formula { try dataset.writeAttribute("formula", formula) }
      try dataset.writeDoubles(values)
    }
    try write(.populationMean, layer.mean, in: group)
    try write(.populationVariance, layer.variance, in: group)
    if let blended = layer.blended {
      try write(.runningMean, blended.mean, in: group)
      try write(.runningVariance, blended.variance, in: group)
    }
    let moments = try group.createGroup("moments")
    try moments.writeAttribute("samples", layer.samples)
    let count = Array(repeating: Double(layer.count), count: layer.featureCount)
    try write(.momentsCount, count, in: moments)
    try write(.momentsMean, layer.moments.mean, in: moments)
    try write(.momentsMeanRest, layer.moments.meanRest, in: moments)
    try write(.momentsM2, layer.moments.m2, in: moments)
    try write(.momentsM2Rest, layer.moments.m2Rest, in: moments)
  }
}
