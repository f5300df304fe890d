import BatchNorm
import Configuration
import HDF5
import LayerFiles

/// Statistics of before, which weigh as so many samples.
public struct Prior: Sendable, Equatable {
  /// A result, or an input with running statistics.
  public let file: String
  public let samples: Double

  public init(file: String, samples: Double) {
    self.file = file
    self.samples = samples
  }
}

/// The moments of one layer, pooled from the results of several jobs, as if all their values had been seen by one.
///
///     n = Σnᵢ    mean = Σnᵢ·meanᵢ / n    m2 = Σ(m2ᵢ + nᵢ·(meanᵢ - mean)²)
///
/// in double-double, in the order of the files. The mean of the files' variances is another number: it lacks the distance of their means.
public struct MergedLayer: Sendable, Equatable {
  public let path: String
  public let featureCount: Int
  /// Samples of all files together.
  public let samples: Int
  /// n, the values of each feature that count.
  public let count: Int
  /// [C]
  public let mean: [Double]
  /// Σ(x - mean)² / n, [C]
  public let variance: [Double]
  /// What a file that is merged again needs.
  public let moments: WrittenMoments
  /// Σᵢ m2ᵢ over the files, [C]: what their variances say, without the distances of their means.
  public let withinFiles: [Double]
  /// With a prior (N·before + n·now) / (N + n) of mean and variance, n samples (Schneider et al. 2020, arXiv:2006.16971); else nil.
  public let blended: Statistics?

  /// A mean and a variance of each feature, [C].
  public struct Statistics: Sendable, Equatable {
    public let mean: [Double]
    public let variance: [Double]
  }
}

/// Pools the results of several jobs, layer by layer.
public struct Merging: Sendable {
  /// As they were given.
  public let files: [ResultFile]
  /// What was known before; nil if nothing is to count.
  public let prior: Prior?
  private let priorFile: InputFile?

  /// Opens the files.
  /// - Parameters:
  ///   - paths: of the files with the results.
  ///   - layers: patterns of the layers that are wanted; all if there is none.
  ///   - prior: statistics of before to blend with; nil for none.
  /// - Throws: `ReportError`, `StreamError`. `layerMissing` unless all files have the same layers.
  public init(_ paths: [String], layers: [LayerPattern], prior: Prior?) throws {
    files = try paths.map { try ResultFile(path: $0, layers: layers) }
    self.prior = prior
    priorFile = try prior.map { try InputFile(path: $0.file) }
    let all = files.flatMap { file in file.layerPaths.map { (path: $0, file: file.path) } }
    for file in files {
      let own = Set(file.layerPaths.map { Array($0.utf8) })
      if let other = all.first(where: { !own.contains(Array($0.path.utf8)) }) {
        throw ReportError.layerMissing(file: file.path, layer: other.path, presentIn: other.file)
      }
    }
  }

  /// The paths of the layers, in natural order.
  public var layerPaths: [String] { files.first?.layerPaths ?? [] }

  /// - Throws: `StreamError.inputChanged` if one of the files was changed since it was opened.
  func checkFilesAreUnchanged() throws(StreamError) {
    for file in files { try file.input.checkIsUnchanged() }
    try priorFile?.checkIsUnchanged()
  }

  /// Pools one layer.
  /// - Throws: `ReportError`, `StreamError`.
  public func layer(_ path: String) throws -> MergedLayer {
    var pooled: BatchMoments?
    var samples = 0
    var withinFiles: [Double] = []
    for file in files {
      let results = try file.results(of: path)
      guard let moments = try results.moments() else {
        throw ReportError.noMoments(file: file.path, layer: path)
      }
      if let pooled, pooled.featureCount != moments.values.mean.count {
        throw ReportError.featuresDiffer(
          file: file.path, layer: path, features: moments.values.mean.count, other: files[0].path,
          otherFeatures: pooled.featureCount)
      }
      let all = pooled ?? BatchMoments(featureCount: moments.values.mean.count)
      all.add(moments.values)
      samples += moments.samples
      if withinFiles.isEmpty { withinFiles = Array(repeating: 0, count: moments.values.m2.count) }
      // What counts for nothing has no spread, either, whatever stands there.
      if moments.values.count > 0 {
        for (feature, m2) in moments.values.m2.enumerated() { withinFiles[feature] += m2 }
      }
      pooled = all
    }
    let moments = pooled ?? BatchMoments(featureCount: 0)
    let (mean, variance) = (moments.means, moments.variances)
    return MergedLayer(
      path: path, featureCount: moments.featureCount, samples: samples, count: moments.count, mean: mean,
      variance: variance, moments: moments.written, withinFiles: withinFiles,
      blended: try prior.map { try blended(mean, variance, samples: samples, layer: path, $0) })
  }

  private func blended(
    _ mean: [Double], _ variance: [Double], samples: Int, layer: String, _ prior: Prior
  ) throws -> MergedLayer.Statistics {
    guard let file = priorFile else { preconditionFailure("a prior has a file") }
    let found: MergedLayer.Statistics?
    do {
      found = try Self.statistics(of: layer, in: file)
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: file.path, error)
    }
    guard let before = found else { throw ReportError.noPrior(file: file.path, layer: layer) }
    guard before.mean.count == mean.count else {
      throw ReportError.featuresDiffer(
        file: file.path, layer: layer, features: before.mean.count, other: files[0].path,
        otherFeatures: mean.count)
    }
    let share = prior.samples / (prior.samples + Double(samples))
    func blend(_ before: [Double], _ now: [Double]) -> [Double] {
      zip(before, now).map { share * $0 + (1 - share) * $1 }
    }
    return MergedLayer.Statistics(
      mean: blend(before.mean, mean), variance: blend(before.variance, variance))
  }

  private static func group(_ path: String, in root: Group) throws(HDF5Error) -> Group? {
    var group = root
    for name in path.split(separator: "/").map(String.init) {
      guard try group.hasLink(name) else { return nil }
      group = try group.group(name)
    }
    return group
  }

  /// Population statistics, or else running ones.
  private static func statistics(
    of layer: String, in file: InputFile
  ) throws -> MergedLayer.Statistics? {
    guard let group = try group(layer, in: file.library.root) else { return nil }
    for names in [("population_mean", "population_var"), ("running_mean", "running_var")] {
      guard try group.hasLink(names.0), try group.hasLink(names.1) else { continue }
      let check = StorageCheck(file: file.path, fileSize: file.status.size)
      let datasets = (try group.dataset(names.0), try group.dataset(names.1))
      for dataset in [datasets.0, datasets.1] {
        guard dataset.type.numericType != nil else {
          throw StreamError.notNumeric(
            file: file.path, dataset: dataset.path, type: dataset.type.description)
        }
        try check.check(dataset)
      }
      let (mean, variance) = (try datasets.0.readDoubles(), try datasets.1.readDoubles())
      guard mean.count == variance.count else {
        throw ReportError.shapesDisagree(
          file: file.path, dataset: datasets.1.path, shape: datasets.1.shape, expected: datasets.0.shape)
      }
      return MergedLayer.Statistics(mean: mean, variance: variance)
    }
    return nil
  }
}

extension LayerResults {
  /// What `moments/` holds; nil if it is not there.
  /// - Throws: as `init`.
  fileprivate func moments() throws -> (values: WrittenMoments, samples: Int)? {
    guard let count = try vector(.momentsCount), let mean = try vector(.momentsMean),
      let meanRest = try vector(.momentsMeanRest), let m2 = try vector(.momentsM2),
      let m2Rest = try vector(.momentsM2Rest), let samples = try momentSamples()
    else { return nil }
    // The same for all features; what is no count, or more than files hold, counts for nothing.
    func whole(_ count: Int) -> Int { (0...1 << 46).contains(count) ? count : 0 }
    let values = whole(count.first.flatMap { Int(exactly: $0) } ?? 0)
    return (
      WrittenMoments(count: values, mean: mean, meanRest: meanRest, m2: m2, m2Rest: m2Rest), whole(samples)
    )
  }
}
