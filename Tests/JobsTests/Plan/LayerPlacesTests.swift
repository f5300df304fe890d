import Configuration
import HDF5
import Jobs
import LayerFiles
import StrictJSON
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30))) struct LayerPlacesTests {
  /// A file with a layer, `/a` or the root, and another one NAME in it.
  private func plan(_ name: String, in outerName: String = "a", _ json: String = "{}") throws -> JobPlan {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let outer = outerName.isEmpty ? file.root : try file.root.createGroup(outerName)
    for group in [outer, try outer.createGroup(name)] {
      try group.createDataset("activations", type: .float32, shape: [4, 2], storage: .contiguous)
        .writeDoubles([1, 2, 3, 4, 5, 6, 7, 9])
    }
    try file.close()
    return try JobPlan(
      Job(
        input: folder.path("in.h5"), output: nil,
        configuration: JobConfiguration(json: json, source: "test"), replacesOutput: false))
  }

  @Test(arguments: ["output", "batches", "population_mean", "population_var"], ["a", ""])
  func whereResultsAreWrittenIsNoLayer(name: String, outer: String) {
    let (inner, outside) = outer.isEmpty ? ("/\(name)", "/") : ("/\(outer)/\(name)", "/\(outer)")
    #expect {
      try plan(name, in: outer)
    } throws: { error in
      guard case .layerInsideResults(_, inner, outside)? = error as? StreamError else { return false }
      return true
    }
  }

  /// `running` names two results, but nothing is called so; and what is not written takes no place.
  @Test(arguments: [
    ("running", "{}"), ("population", "{}"), ("normalized", "{}"), ("output", #"{"outputs": ["running"]}"#),
  ])
  func otherNamesAreFree(name: String, json: String) throws {
    #expect(try plan(name, in: "", json).layers.map(\.path) == ["/", "/\(name)"])
    #expect(try plan(name, in: "a", json).layers.map(\.path) == ["/a", "/a/\(name)"])
  }

  /// However deep below a result's name: the result would lie where a group has to be.
  @Test func deepBelowAResultIsNoLayerEither() throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let outer = try file.root.createGroup("a")
    for group in [outer, try outer.createGroup("output").createGroup("deep")] {
      try group.createDataset("activations", type: .float32, shape: [4, 2], storage: .contiguous)
        .writeDoubles([1, 2, 3, 4, 5, 6, 7, 9])
    }
    try file.close()
    let job = Job(
      input: folder.path("in.h5"), output: nil, configuration: JobConfiguration(), replacesOutput: false)
    #expect(
      throws: StreamError.layerInsideResults(
        file: folder.path("in.h5"), layer: "/a/output/deep", inside: "/a")
    ) { try JobPlan(job) }
  }
}
