import Configuration
import HDF5
import Jobs
import Parallel
import TestSupport
import Testing

/// Who follows a job hears of each layer when its turn begins and ends, and how that layer is computed.
@Suite(.timeLimit(.minutes(30))) struct LayerTurnsTests {
  @Test func eachLayerHasItsOwnSchedule() throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    for (name, features) in [("a", 600), ("b", 6), ("c", 60)] {
      try file.root.createGroup(name).createDataset(
        "activations", type: .float32, shape: [20, features], storage: .contiguous
      ).writeDoubles((0..<20 * features).map { Double($0 * $0 % 89) })
    }
    try file.close()
    func plan(_ keys: String = "") throws -> JobPlan {
      let configuration = try JobConfiguration(
        json: #"{"batch_size": 5, "threads": 2, "sync": false\#(keys)}"#, source: "test")
      return try JobPlan(
        Job(
          input: folder.path("in.h5"), output: folder.path("out.h5"), configuration: configuration,
          replacesOutput: false))
    }
    // Of each layer alone.
    let expected = try ["a", "b", "c"].map { name in
      try plan(#", "layers": ["\#(name)"]"#).schedules.map(\.memoryNeed)
    }
    try #require(Set(expected).count == 3)
    var events: [String] = []
    var needs: [[Int]] = []
    var execution = Execution(
      try plan(), progress: JobProgress(), cancellation: Cancellation(),
      layerBegins: { layer, schedule in
        events.append("\(layer.path) begins")
        needs.append([schedule.memoryNeed])
      })
    execution.layerEnds = { layer, _ in events.append("\(layer.path) ends") }
    _ = try execution.write(to: folder.path("out.h5"))
    #expect(events == ["/a begins", "/a ends", "/b begins", "/b ends", "/c begins", "/c ends"])
    #expect(needs == expected)
  }
}
