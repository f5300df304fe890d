import Configuration
import HDF5

/// The layers of a file that a configuration selects.
package struct FoundLayers: Sendable {
  /// By path, checked and ready.
  package let layers: [Layer]
  /// What was passed over in looking for them.
  package let warnings: [StreamWarning]
}

extension InputFile {
  /// The layers that a configuration selects, not read yet, and what was passed over.
  /// - Throws: `StreamError`, `HDF5Error`.
  func find(_ configuration: JobConfiguration) throws -> (layers: [FoundLayer], warnings: [StreamWarning]) {
    var finder = LayerFinder(file: self, configuration: configuration)
    let layers = try finder.layers()
    return (layers, StreamWarning.merged(finder.warnings))
  }

  /// All that is a layer, as far as the configuration selects it, and groups that nearly are one.
  /// - Throws: `StreamError` if what was found cannot be opened again.
  package func survey(_ configuration: JobConfiguration) throws -> FileSurvey {
    do {
      var finder = LayerFinder(file: self, configuration: configuration)
      let (layers, problem) = finder.survey()
      let lacking = [DatasetRole.activations]
      return FileSurvey(
        groups: try readers(of: layers, configuration) { try $0.survey() }
          + readers(of: finder.near, configuration) {
            SurveyedGroup(facts: $0.facts(), outcome: .lacks(lacking))
          },
        problem: problem, warnings: StreamWarning.merged(finder.warnings))
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: path, error)
    }
  }

  /// What some layers hold, as `survey` finds it.
  /// - Throws: `StreamError`.
  package func facts(of layers: [Layer], _ configuration: JobConfiguration) throws -> [GroupFacts] {
    do {
      let found = try layers.map { try relisted(FoundLayer(name: $0.path, place: $0.place)) }
      var settings = layers.map(\.settings)[...]
      return try readers(of: found, configuration) { $0.facts(settings: settings.removeFirst()) }
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: path, error)
    }
  }

  private func readers<Result>(
    of layers: [FoundLayer], _ configuration: JobConfiguration, _ body: (LayerReader) throws -> Result
  ) throws -> [Result] {
    let common = CommonOfLayers(self, layers, configuration)
    return try layers.map { try body(reader(of: $0, common)) }
  }

  /// The reader of a layer, for its turn only: what is open takes memory, and files have thousands of layers.
  func reader(of layer: FoundLayer, _ common: CommonOfLayers) throws(HDF5Error) -> LayerReader {
    LayerReader(
      layer, try attributes(of: layer), in: self, common.configuration,
      settingsOfRoot: common.settingsOfRoot, commonSettings: common.settings)
  }

  /// The layer with what its group holds, which is not kept.
  func relisted(_ layer: FoundLayer) throws(HDF5Error) -> FoundLayer {
    guard case .group(let path, _) = layer.place else { return layer }
    let group = path == "/" ? library.root : try library.root.group(path)
    return FoundLayer(name: layer.name, place: .group(path: path, links: try group.links()))
  }
}

/// What is the same for all layers of a file.
struct CommonOfLayers {
  let configuration: JobConfiguration
  /// Attributes of the root that are called like settings of layers.
  let settingsOfRoot: [NearMisses.Attribute]
  let settings: LayerSettings

  init(_ file: InputFile, _ layers: [FoundLayer], _ configuration: JobConfiguration) {
    self.configuration = configuration
    // Of a layer that is the root, they are its own.
    settingsOfRoot =
      layers.contains { $0.name == "/" }
      ? [] : NearMisses.settings(of: file.library.root, rightNames: true)
    settings = LayerSettings(configuration)
  }
}

extension InputFile {
  /// Where a layer's attributes are: in its group, or at its activations where it has none.
  private func attributes(of layer: FoundLayer) throws(HDF5Error) -> any AttributeHolder {
    let path =
      switch layer.place {
      case .group(let path, _): path
      case .named(let activations): activations
      case .dataset: layer.name
      }
    switch try library.root.end(of: path) {
    case .object(let path, .dataset): return try library.root.dataset(path)
    case .object(let path, .group) where path != "/": return try library.root.group(path)
    default: return library.root
    }
  }
}

/// A layer that was found, and not read yet.
struct FoundLayer {
  /// What it is called: by whichever of its paths it was asked for.
  var name: String
  let place: LayerPlace
}

/// Where a layer's datasets are.
package enum LayerPlace: Sendable {
  /// In a group, which has this path by hard links, under the names of their roles; `links` is what it holds, since listing it opens every
  /// object in it.
  case group(path: String, links: [Link])
  /// At paths in which the layer's name stands, each role's in another.
  case named(activations: String)
  /// The layer's name is that of its activations, and there is nothing else.
  case dataset
}

extension Link {
  /// Whether it has one of these names.
  func isCalled(one names: [String]) -> Bool {
    names.contains { $0.isSameName(as: name) }
  }
}

extension Group {
  /// The path of what is called `name` in this group.
  func pathOfChild(_ name: String) -> String { path == "/" ? "/\(name)" : "\(path)/\(name)" }
}
