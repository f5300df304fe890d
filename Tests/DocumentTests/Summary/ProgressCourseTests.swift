import Parallel
import Testing

@testable import bn_stream

/// Share, rate and time left, by numbers that are counted here.
@Suite("Progress from what is counted", .timeLimit(.minutes(30)))
struct ProgressCourseTests {
  private func moment(_ time: Double, _ done: Int, read: Double = 0, wait: Double = 0)
    -> ProgressCourse.Moment
  {
    ProgressCourse.Moment(time: time, done: done, times: StageTimes(read: read, wait: wait))
  }

  /// What a course says; nothing is an issue.
  private func reading(
    _ course: inout ProgressCourse, _ now: ProgressCourse.Moment, of total: Int, countsSteps: Bool = false
  ) throws -> ProgressReading {
    let reading = course.reading(now, total: total, countsSteps: countsSteps)
    return try #require(reading)
  }

  /// Equal but for some roundings.
  private func isNear(_ number: Double?, _ expected: Double) -> Bool {
    number.map { abs($0 - expected) < 1e-9 * expected } ?? false
  }

  @Test("from begin to end at one rate")
  func steady() throws {
    var course = ProgressCourse(moment(100, 0))
    let unknown = course.reading(moment(101, 50), total: 0, countsSteps: false)
    #expect(unknown == nil)
    for second in 1...8 {
      let now = moment(100 + Double(second), 100 * second, read: Double(second), wait: 9)
      let reading = try self.reading(&course, now, of: 800)
      #expect(reading.share == Double(second) / 8 && reading.bytesPerSecond == 100)
      #expect(reading.secondsLeft == (second == 8 ? nil : Double(8 - second)))
      #expect(reading.bound?.words == "reading" && reading.bound?.share == 1 && reading.layer == nil)
    }
  }

  @Test("the rate is that of the last ten seconds")
  func slowingDown() throws {
    var course = ProgressCourse(moment(0, 0))
    var reading: ProgressReading?
    for second in 1...30 {
      // A thousand a second, and from the tenth on ten.
      let done = second <= 10 ? 1000 * second : 10_000 + 10 * (second - 10)
      reading = course.reading(moment(Double(second), done), total: 20_200, countsSteps: false)
    }
    #expect(reading?.bytesPerSecond == 10 && isNear(reading?.secondsLeft, 1000))
    #expect(reading?.share == 10_200.0 / 20_200)
  }

  @Test("where it is said every half minute the rate is that of the last half minute")
  func rarely() throws {
    var course = ProgressCourse(moment(0, 0))
    let first = try self.reading(&course, moment(30, 300), of: 2100)
    #expect(first.bytesPerSecond == 10 && isNear(first.secondsLeft, 180))
    let second = try self.reading(&course, moment(60, 900), of: 2100)
    #expect(second.bytesPerSecond == 20 && isNear(second.secondsLeft, 60))
    let third = try self.reading(&course, moment(90, 2070), of: 2100)
    #expect(third.bytesPerSecond == 39 && isNear(third.secondsLeft, 30.0 / 39))
  }

  @Test("what an earlier run has finished counts, and what was compared does not")
  func goingOn() throws {
    var course = ProgressCourse(moment(0, 0))
    // 300 are read to be compared, of a job of 1000 of which a quarter is done.
    course.goOn(from: 0.25, at: moment(3, 300))
    let begin = try self.reading(&course, moment(3, 300), of: 1000)
    #expect(begin.share == 0.25 && isNear(begin.secondsLeft, 7.5))
    let reading = try self.reading(&course, moment(5, 500), of: 1000)
    #expect(isNear(reading.share, 0.45) && reading.bytesPerSecond == 100 && isNear(reading.secondsLeft, 5.5))
    // More than all is not done.
    #expect(try self.reading(&course, moment(20, 2000), of: 1000).share == 1)
  }

  @Test("steps have no rate and no bound")
  func steps() throws {
    var course = ProgressCourse(moment(0, 0))
    let reading = try self.reading(&course, moment(2, 4, read: 1), of: 16, countsSteps: true)
    #expect(reading.bytesPerSecond == nil && reading.bound == nil)
    #expect(reading.share == 0.25 && reading.secondsLeft == 6)
  }

  @Test("layers are told by the bytes of their names, and counted from where they begin")
  func layers() throws {
    var course = ProgressCourse(moment(0, 0))
    #expect(course.sinceBegin(moment(9, 9)) == (0, 0))
    let names = ["/caf\u{E9}", "/cafe\u{301}", "/z"]
    for (index, name) in names.enumerated() {
      course.begin(name, of: names, at: moment(Double(index), 10 * index))
      let layer = try #require(self.reading(&course, moment(5, 50), of: 100).layer)
      #expect(layer.number == index + 1 && layer.count == 3 && layer.path.utf8.elementsEqual(name.utf8))
      #expect(course.sinceBegin(moment(5, 50)) == (50 - 10 * index, 5 - Double(index)))
    }
  }
}
