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
}
