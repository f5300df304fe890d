import Configuration
import HDF5

/// What a group of an input holds of a layer, without a number of it: which dataset serves which role, and what serves none.
public struct GroupFacts: Codable, Sendable, Equatable {
  /// The group's path, "/" for the root.
  public let path: String
  /// The datasets that serve a role, in the roles' order.
  public let inputs: [DatasetFacts]
  /// What serves no role, and looks like something.
  public let unusedNames: [UnusedName]
  /// Every setting as it would be used, as far as it can be told, and who said so.
  public var settings: LayerSettings

  private enum CodingKeys: String, CodingKey {
    case path, inputs
    case unusedNames = "unused_names"
    case settings
  }
}

/// A dataset that serves a role. Of one that cannot be opened, no more is known than its name.
public struct DatasetFacts: Codable, Sendable, Equatable {
  /// What it serves as, as `gamma`.
  public let role: String
  /// Its name in the group.
  public let name: String
  public internal(set) var shape: [Int]?
  /// Its elements' type, as `float32` or `string`.
  public internal(set) var type: String?
  /// How it lies in the file: `contiguous`, `chunked`, `compact`, `external` or `virtual`.
  public internal(set) var storage: String?
  /// The shape of its chunks.
  public internal(set) var chunk: [Int]?
  /// The filters of its chunks, in the order in which they are applied in writing.
  public internal(set) var filters: [String]?
  /// Of each of them, what compresses within it, as `lz4` within `bitshuffle`; nil where there is none, or no choice. Nil if none has one.
  public internal(set) var compressors: [String?]?
  /// Bytes that it takes in the file.
  public internal(set) var storedBytes: Int?
  /// Bytes of its elements.
  public internal(set) var bytes: Int?

  init(role: DatasetRole, name: String, _ dataset: Dataset?) {
    self.role = role.rawValue
    self.name = name
    guard let dataset else { return }
    shape = dataset.shape
    type = dataset.type.description
    storedBytes = dataset.storageSize
    bytes = dataset.elementCount * dataset.elementByteCount
    switch dataset.storage {
    case .contiguous: storage = "contiguous"
    case .compact: storage = "compact"
    case .external: storage = "external"
    case .virtual: storage = "virtual"
    case .chunked(let layout):
      storage = "chunked"
      chunk = layout.shape
      filters = layout.filters.map(\.name)
      let within = layout.filters.map(\.compressor)
      compressors = within.contains { $0 != nil } ? within : nil
    }
  }

  private enum CodingKeys: String, CodingKey {
    case role, name, shape, type, storage, chunk, filters, compressors, bytes
    case storedBytes = "stored_bytes"
  }
}

/// A name in a group that nobody reads and that looks like something.
public struct UnusedName: Codable, Sendable, Equatable {
  public let name: String
  /// The role or the setting, as `running_var` or `batch_size`; `weights` for what is read as nothing.
  public let looksLike: String

  private enum CodingKeys: String, CodingKey {
    case name
    case looksLike = "looks_like"
  }
}

/// A group of a file that is a layer, or nearly one.
package struct SurveyedGroup: Sendable {
  /// What became of it.
  package enum Outcome: Sendable {
    /// What a run would compute.
    case layer(Layer)
    /// What a run would say.
    case refused(StreamError)
    /// It is no layer, for want of these.
    case lacks([DatasetRole])
  }

  package let facts: GroupFacts
  package let outcome: Outcome
}

/// All groups of a file that are layers or nearly, whatever is wrong with them.
package struct FileSurvey: Sendable {
  package let groups: [SurveyedGroup]
  /// What stops a run before it looks at any layer.
  package let problem: StreamError?
  /// What was passed over in looking for layers.
  package let warnings: [StreamWarning]
}

extension LayerReader {
  /// What the group holds, without reading a number of it.
  func facts(settings: LayerSettings? = nil) -> GroupFacts {
    let names = (try? datasetNames(of: DatasetRole.allCases)) ?? [:]
    let misses = nearMisses(names, settings ?? LayerSettings())
    return GroupFacts(
      path: name,
      inputs: DatasetRole.allCases.compactMap { role in
        names[role].map { name in
          DatasetFacts(
            role: role, name: (try? shownName(of: role)) ?? name, (try? dataset(role))?.0)
        }
      },
      unusedNames: misses.unusedNames.compactMap { name, looksLike in
        looksLike.map { UnusedName(name: name, looksLike: $0.name) }
      },
      settings: settings ?? settingsAsFarAsKnown(names))
  }

  /// The group as it is, and what a run makes of it.
  /// - Throws: what is no fault of the layer.
  func survey() throws -> SurveyedGroup {
    let outcome: SurveyedGroup.Outcome
    var settings: LayerSettings?
    do {
      let layer = try layer()
      settings = layer.settings
      outcome = .layer(layer)
    } catch let error as StreamError {
      outcome = .refused(error)
    } catch let error as HDF5Error {
      outcome = .refused(.libraryReadFailed(path: file, error))
    }
    return SurveyedGroup(facts: facts(settings: settings), outcome: outcome)
  }

  /// The settings of a layer that cannot be run: of what is wrong with them, the error tells.
  private func settingsAsFarAsKnown(_ names: [DatasetRole: String]) -> LayerSettings {
    var settings = commonSettings
    func add<Value>(_ setting: LayerSetting<Value>) {
      if let value = try? self.setting(setting) { settings.add(setting.key, value) }
    }
    add(.batchSize)
    if names[.batchOffsets] != nil { settings.add(.batchSize, BatchDivision.offsets, .dataset) }
    add(.statistics)
    add(.epsilon)
    add(.momentum)
    add(.runningVariance)
    add(.featureAxis)
    return settings
  }
}

extension NearName {
  /// What it is in documents: a role, a setting, or `weights`.
  fileprivate var name: String {
    switch self {
    case .role(let role): role.rawValue
    case .batchSizes: DatasetRole.batchOffsets.rawValue
    case .weights: "weights"
    case .setting(let key): key.rawValue
    }
  }
}
