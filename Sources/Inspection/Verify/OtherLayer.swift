import Configuration
import HDF5
import Jobs
import LayerFiles

/// The results of one layer in another program's file.
struct OtherLayer {
  /// The path of the group that they lie in.
  let path: String
  let results: [LayerResult: ResultDataset]
  /// Names in the group that stand for no result that is known, and results that the input cannot give.
  let ignored: [String]
  /// Those of them that stand for no result that is known.
  let unknown: [String]

  /// Finds a layer's results: under `/expected` as in the files of tools/dump_activations.py, else in the group of the layer's
  /// own name.
  /// - Returns: nil if there is none.
  /// - Throws: `InspectionError`, `StreamError` if a result cannot be compared.
  init?(_ layer: Layer, in file: InputFile, job: Job) throws {
    do {
      for path in ["/expected" + (layer.path == "/" ? "" : layer.path), layer.path] {
        guard let group = try file.library.root.descendant(path) else { continue }
        var found = FoundResults(layer, file, job)
        try found.look(in: group)
        guard !found.results.isEmpty else { continue }
        self.path = path
        results = found.results
        ignored = found.ignored
        unknown = found.unknown
        return
      }
      return nil
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: file.path, error)
    }
  }
}

extension OtherLayer {
  /// Some of its results alone.
  func only(_ some: [LayerResult]) -> OtherLayer {
    OtherLayer(path: path, results: results.filter { some.contains($0.key) }, ignored: [])
  }

  private init(path: String, results: [LayerResult: ResultDataset], ignored: [String]) {
    self.path = path
    self.results = results
    self.ignored = ignored
    unknown = []
  }
}

extension LayerResult {
  /// False for counts of rounded numbers, which another precision moves to neighbouring bins.
  var isCompared: Bool { entry.shape != .bins }
}

/// Collects the results in a group.
private struct FoundResults {
  private let layer: Layer
  private let file: InputFile
  private let job: Job
  private(set) var results: [LayerResult: ResultDataset] = [:]
  private(set) var ignored: [String] = []
  private(set) var unknown: [String] = []

  init(_ layer: Layer, _ file: InputFile, _ job: Job) {
    self.layer = layer
    self.job = job
    self.file = file
  }

  mutating func look(in group: Group) throws {
    let isInput = try group.hasLink("activations")
    var places: [Place] = []
    for result in LayerResult.allCases where !(isInput && result.isAlsoInput) && result.isCompared {
      // What has a group of its own here lies beside the others there, under the names of other programs.
      let own = result.group == nil ? [result.name] : []
      places.append(
        Place(
          result: result, names: own + result.otherNames,
          namesIfItSuits: isInput ? [] : result.namesWithoutInput))
    }
    try look(in: group, for: places)
    for name in Set(LayerResult.allCases.filter(\.isCompared).compactMap(\.group)).sorted() {
      guard let inner = try group.descendant(name) else { continue }
      let results = LayerResult.allCases.filter { $0.group == name }
      try look(
        in: inner,
        for: results.map { result in
          Place(
            result: result, names: result.names,
            namesIfItSuits: result.namesWithoutInput.filter { $0 != result.name })
        })
    }
  }

  /// The names under which a result may lie in a group.
  private struct Place {
    let result: LayerResult
    let names: [String]
    /// Names that may be those of something else, which then has another shape.
    let namesIfItSuits: [String]
  }

  private mutating func look(in group: Group, for places: [Place]) throws {
    let names = try group.links().filter { $0.kind == .dataset }.map(\.name)
    var known = Set(DatasetRole.allCases.flatMap(\.defaultNames))
    for place in places {
      let result = place.result
      let present =
        try place.names.filter(names.contains)
        + place.namesIfItSuits.filter(names.contains).filter { name in
          try ResultDataset.suits(group.dataset(name).shape, result, of: layer)
        }
      guard present.count < 2 else {
        throw InspectionError.twoResults(file: file.path, group: group.path, names: present)
      }
      guard let name = present.first else { continue }
      known.insert(name)
      guard layer.gives(result) else {
        ignored.append(name)
        continue
      }
      if let other = results[result] {
        throw InspectionError.twoResults(
          file: file.path, group: group.path, names: [other.path, name])
      }
      results[result] = try ResultDataset(
        name, in: group, of: file, as: result, of: layer, like: "\(layer.path) of the input",
        workers: job.threads, memory: job.memory,
        readsUInt16AsBFloat16: job.configuration.readsUInt16AsBFloat16)
    }
    let strange = names.filter { !known.contains($0) }
    ignored += strange
    unknown += strange
  }
}
