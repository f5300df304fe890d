import Configuration
import FileNames
import Foundation
import HDF5
import LayerFiles

/// A file that a run has written, open for reading.
public struct ResultFile: Sendable {
  /// As the user gave it.
  public let path: String
  /// What the file says of itself.
  public let origin: ResultOrigin
  /// The paths of the layers whose results it holds, in natural order.
  public let layerPaths: [String]

  let input: InputFile

  /// Opens a file and finds the layers.
  /// - Parameters:
  ///   - path: of the file.
  ///   - layers: patterns of the layers that are wanted; all if there is none.
  /// - Throws: `ReportError`, `StreamError`.
  public init(path: String, layers: [LayerPattern] = []) throws {
    self.path = path
    try Self.checkIsFinished(path)
    input = try InputFile(path: path)
    do {
      let root = input.library.root
      guard try root.readString(attribute: "program") == "bn-stream" else {
        throw ReportError.notAResult(file: path, isInput: try LayerSearch(for: "activations", in: root).finds)
      }
      origin = try ResultOrigin(root)
      let found = try LayerSearch(in: root).paths
      guard !found.isEmpty else { throw ReportError.noResults(file: path) }
      let selected = found.filter { layer in layers.isEmpty || layers.contains { $0.matches(path: layer) } }
      guard !selected.isEmpty else {
        throw StreamError.noLayerSelected(
          path: path, patterns: layers.map(\.text), available: found, skipped: [])
      }
      layerPaths = selected.sorted { $0.comesNaturally(before: $1) }
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: path, error)
    }
  }

  /// What a user should know though nothing is wrong.
  package var warnings: [StreamWarning] { input.warnings }

  /// The results of a layer.
  /// - Throws: `ReportError`, `StreamError`.
  func results(of layer: String) throws -> LayerResults {
    do {
      return try LayerResults(layer, of: self)
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: path, error)
    }
  }

  /// Refuses what a job that was interrupted has left: its numbers are not all there.
  private static func checkIsFinished(_ path: String) throws(ReportError) {
    let calls = FileLayer.current
    let names = path.pathComponents
    let around = names.lastIndex { $0.hasSuffix(OutputFile.workspaceSuffix) }
      .map { (path.hasPrefix("/") ? "/" : "") + names[...$0].joined(separator: "/") }
    let beside = calls.status(at: path) == nil ? OutputFile.workspace(of: path) : nil
    for case let workspace? in [around, beside] where calls.status(at: workspace)?.isFolder == true {
      throw .unfinished(file: path, workspace: workspace)
    }
  }
}

/// Where a result file comes from, by its own attributes; what an older version did not write is missing.
public struct ResultOrigin: Codable, Sendable, Equatable {
  /// The program's version that wrote it.
  public let version: String?
  /// The input as its run was given it, its size in bytes, and when it was changed last.
  public let input: String?
  public let inputSize: Int?
  public let inputModified: String?
  /// Libraries with their versions.
  public let libraries: [String]
  /// Options and configuration file combined, as JSON.
  public let configuration: String?

  init(_ root: Group) throws(HDF5Error) {
    version = try root.readString(attribute: "version")
    input = try root.readString(attribute: "input_path")
    inputSize = try root.readInteger(attribute: "input_size")
    inputModified = try root.readString(attribute: "input_modified")
    libraries = try root.readStrings(attribute: "libraries") ?? []
    configuration = try root.readString(attribute: "configuration")
  }

  private enum CodingKeys: String, CodingKey {
    case version, input, libraries, configuration
    case inputSize = "input_size"
    case inputModified = "input_modified"
  }
}

/// Looks for the groups of layers.
private struct LayerSearch {
  private(set) var paths: [String] = []
  private var seen: Set<ObjectAddress> = []
  /// What a group holds that is a layer.
  private let marks: [String]

  /// Deeper groups are not looked into.
  private static let deepest = 64
  /// Groups of a layer that are its results.
  private static let resultGroups = Set(LayerResult.allCases.compactMap(\.group))

  /// Layers of results.
  init(in root: Group) throws(HDF5Error) {
    marks = LayerResult.allCases.filter { $0.group == nil }.map(\.rawValue) + Self.resultGroups
    try visit(root, depth: 0)
  }

  /// Groups that hold a dataset of this name.
  init(for name: String, in root: Group) throws(HDF5Error) {
    marks = [name]
    try visit(root, depth: 0)
  }

  var finds: Bool { !paths.isEmpty }

  private mutating func visit(_ group: Group, depth: Int) throws(HDF5Error) {
    guard depth <= Self.deepest, seen.insert(try group.address).inserted else { return }
    let links = try group.links()
    let isLayer = links.contains { link in marks.contains { $0.isSameName(as: link.name) } }
    if isLayer { paths.append(group.path) }
    for link in links where link.kind == .group {
      if isLayer, Self.resultGroups.contains(link.name) { continue }
      try visit(group.group(link.name), depth: depth + 1)
    }
  }
}
