import Parallel
import Testing

@testable import bn_stream

/// The line that is drawn anew, in terminals of several widths.
@Suite("Progress in a line", .timeLimit(.minutes(30)))
struct ProgressLineTests {
  private let reading = ProgressReading(
    layer: ("/encoder/stage3/norm", 7, 12), share: 0.456, bytesPerSecond: 1.234e9, secondsLeft: 62.1,
    bound: ("reading", 0.618))

  @Test("the numbers for programs") func facts() {
    #expect(
      reading.facts.mapValues { "\($0)" } == [
        "layer": "/encoder/stage3/norm", "share": "0.456", "gigabytes_per_second": "1.234",
        "seconds_left": "62.1",
        "bound": "reading",
      ])
    #expect(ProgressReading(share: 0.25).facts.mapValues { "\($0)" } == ["share": "0.25"])
  }

  @Test(
    "what is left out where there is no room",
    arguments: [
      (nil, " 45 %  1.23 GB/s  1 min 3 s left  reading 62 %  7/12 /encoder/stage3/norm"),
      (200, " 45 %  1.23 GB/s  1 min 3 s left  reading 62 %  7/12 /encoder/stage3/norm"),
      (73, " 45 %  1.23 GB/s  1 min 3 s left  reading 62 %  7/12 /encoder/stage3/norm"),
      (72, " 45 %  1.23 GB/s  1 min 3 s left  reading 62 %  7/12 …ncoder/stage3/norm"),
      (58, " 45 %  1.23 GB/s  1 min 3 s left  reading 62 %  7/12 …norm"),
      (57, " 45 %  1.23 GB/s  1:03 left  reading 62 %  7/12 …ge3/norm"),
      (53, " 45 %  1.23 GB/s  1:03 left  reading 62 %  7/12 …norm"),
      (52, " 45 %  1.23 GB/s  1:03 left  7/12 …coder/stage3/norm"),
      (39, " 45 %  1.23 GB/s  1:03 left  7/12 …norm"),
      (38, " 45 %  1:03 left  7/12 …er/stage3/norm"),
      (28, " 45 %  1:03 left  7/12 …norm"), (27, " 45 %  1:03 left"), (4, " 45 "), (0, ""),
    ] as [(Int?, String)])
  func room(columns: Int?, expected: String) {
    let text = ProgressLine(reading: reading).text(columns: columns)
    #expect(text == expected)
    if let columns { #expect(text.displayWidth <= columns) }
  }

  @Test("no room is left unused and none is exceeded", arguments: 16...200)
  func anyWidth(columns: Int) {
    for name in ["/a", "/b\u{1B}[2J", "/層/畳み込み/正規化/" + String(repeating: "x", count: 300)] {
      var reading = reading
      reading.layer?.path = name
      let text = ProgressLine(reading: reading).text(columns: columns)
      #expect(text.displayWidth <= columns)
      #expect(!text.contains("\u{1B}"))
      #expect(text.hasPrefix(" 45 %  "))
      // A wide character may leave one column.
      if name.count > 200, columns > 27 { #expect(text.displayWidth >= columns - 1) }
    }
  }

  @Test("what is not known is not said")
  func unknown() {
    func text(_ change: (inout ProgressReading) -> Void) -> String {
      var reading = reading
      change(&reading)
      return ProgressLine(reading: reading).text(columns: 79)
    }
    #expect(
      text { $0.layer = nil } == " 45 %  1.23 GB/s  1 min 3 s left  reading 62 %")
    #expect(text { $0.layer = ("/bn", 1, 1) }.hasSuffix("reading 62 %  /bn"))
    // Steps of a training.
    #expect(
      text {
        $0.layer = nil
        $0.bytesPerSecond = nil
        $0.bound = nil
      } == " 45 %  1 min 3 s left")
    #expect(
      text {
        $0.share = 1
        $0.secondsLeft = nil
      } == "100 %  1.23 GB/s  waiting for the disk  7/12 /encoder/stage3/norm")
    // Not finished before it is.
    #expect(text { $0.share = 0.9999 }.hasPrefix(" 99 %"))
    #expect(text { $0.secondsLeft = .infinity }.contains("999 h 0 min left"))
  }

  @Test("what bounds a job is what threads do most since an earlier moment, not what they wait for")
  func bound() throws {
    let earlier = StageTimes(read: 100, compute: 1, wait: 5)
    let now = StageTimes(read: 101, decode: 0.5, compute: 3.5, wait: 500)
    let bound = try #require(now.bound(since: earlier))
    #expect(bound.words == "computing" && bound.share == 0.625)
    #expect(now.bound(since: now) == nil)
  }

  @Test("widths of characters")
  func widths() {
    for (text, width) in [
      ("", 0), ("norm", 4), ("é", 1), ("e\u{301}", 1), ("層", 2), ("ｗ", 2), ("한", 2), ("×", 1), ("→", 1),
      ("👍", 2), ("👨‍👩‍👧", 2), ("❤️", 2), ("ミ", 2), ("ひ", 2), ("、", 2), ("𠮷", 2), ("㎏", 2), ("ｱ", 1),
      ("\u{200B}", 0),
    ] { #expect(text.displayWidth == width, "\(text)") }
    #expect("/層/norm".end(columns: 7) == "…/norm")
    #expect("/a層b".end(columns: 4) == "…層b" && "/a層b".end(columns: 3) == "…b")
  }

  @Test("a table that is too wide gives names lines of their own, and then leaves columns out")
  func table() {
    var table = TextTable(["layer", "shape", "type"])
    table.add(["/層", "[8, 3]", "float32"])
    table.add(["/norm", "[1000, 3]", "float16"])
    #expect(
      table.text == """
        layer  shape      type
        /層    [8, 3]     float32
        /norm  [1000, 3]  float16
        """)
    #expect(table.text(columns: 25, dropping: ["type"]) == table.text)
    #expect(
      table.text(columns: 24, dropping: ["type"]) == """
        layer
          shape      type
        /層
          [8, 3]     float32
        /norm
          [1000, 3]  float16
        """)
    #expect(
      table.text(columns: 19, dropping: ["type"]) == """
        layer
          shape
        /層
          [8, 3]
        /norm
          [1000, 3]
        """)
    // Of which nothing is left to say has an empty line, and takes no other's.
    table.add(["/none", "", ""])
    table.add(["/last", "[2]", "float64"])
    let lines = table.text(columns: 19, dropping: ["type"]).components(separatedBy: "\n")
    #expect(Array(lines.suffix(4)) == ["/none", "  ", "/last", "  [2]"])
  }
}
