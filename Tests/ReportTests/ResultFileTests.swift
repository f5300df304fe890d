import Foundation
import HDF5
import TestSupport
import Testing

@testable import Report

/// Which groups of a result file are layers.
@Suite(.timeLimit(.minutes(30))) struct ResultFileTests {
  /// As deep as `run` looks for layers, so are their results found: 64 groups, and no deeper.
  @Test func layersAreFoundAsDeepAsARunFindsThem() throws {
    func path(_ name: String, _ depth: Int) -> String {
      Array(repeating: name, count: depth).joined(separator: "/")
    }
    let made = try MadeResults()
    for (name, depth) in [("a", 1), ("b", 10), ("c", 64), ("d", 65)] {
      try made.layer(path(name, depth), vectors: ["population_mean": [0], "population_var": [1]])
    }
    let found = try made.resultFile().layerPaths
    #expect(found == ["/a", "/" + path("b", 10), "/" + path("c", 64)])
  }

  /// What lies in the folder of an unfinished output is unfinished, also where its path begins at the file system's root.
  @Test func unfinishedFilesHaveAbsolutePaths() throws {
    let folder = try TemporaryFolder()
    let workspace = folder.path("out.h5.partial")
    try FileManager.default.createDirectory(atPath: workspace, withIntermediateDirectories: false)
    let data = workspace + "/data.h5"
    try #require(data.hasPrefix("/"))
    try File(anew: data).close()
    #expect(throws: ReportError.unfinished(file: data, workspace: workspace)) { try ResultFile(path: data) }
  }

  /// The root of a file may be a layer, whose results lie in no group.
  @Test func theRootMayBeALayer() throws {
    let made = try MadeResults()
    try made.layer("", vectors: ["population_mean": [3, 0], "population_var": [7, 0]])
    let layer = try #require(made.report().layers.first)
    #expect(layer.path == "/" && layer.features == 2)
    // √((9 + 7 + 0 + 0)/2)
    #expect(layer.numbers.rootMeanSquare == 8.0.squareRoot())
    let damaged = try MadeResults()
    try damaged.layer("", vectors: ["population_mean": [3, 0], "population_var": [7]])
    #expect(
      throws: ReportError.shapesDisagree(
        file: damaged.path, dataset: "/population_var", shape: [1], expected: [2])
    ) { try damaged.report() }
  }

  /// Of folders in folders that of the unfinished output is named, which is the innermost.
  @Test func theInnermostFolderIsUnfinished() throws {
    let folder = try TemporaryFolder()
    let workspace = folder.path("old.partial/out.h5.partial")
    try FileManager.default.createDirectory(atPath: workspace, withIntermediateDirectories: true)
    let data = workspace + "/data.h5"
    try File(anew: data).close()
    #expect(throws: ReportError.unfinished(file: data, workspace: workspace)) { try ResultFile(path: data) }
  }
}
