#if os(Linux)
  import Foundation
  import SystemPackage
  import Testing

  @testable import LayerFiles

  /// What the numbers of a device and of a file say, of devices and files that no test has.
  @Suite(.timeLimit(.minutes(30))) struct FileStatusTests {
    private func status(device: UInt64, file: UInt64) -> FileStatus {
      var raw = stat()
      raw.st_dev = dev_t(device)
      raw.st_ino = ino_t(file)
      raw.st_mode = 0o100644
      return FileStatus(Stat(rawValue: raw))
    }

    /// Every file system numbers its files from 1 on.
    @Test func filesOfTwoDevicesAreTwo() {
      let one = status(device: 65_024, file: 7)
      #expect(one.isSameFile(as: status(device: 65_024, file: 7)))
      #expect(!one.isSameFile(as: status(device: 65_025, file: 7)))
      #expect(!one.isSameFile(as: status(device: 65_024, file: 8)))
    }

    /// From the lowest bit on: 8 of the minor number, 12 of the major one, and the rest of the minor one. A disk may have the major
    /// number 259.
    @Test(
      arguments: [
        (43, 0, 43), (65_024, 254, 0), (66_305, 259, 1), (1_114_924, 259, 300),
      ] as [(UInt64, UInt64, UInt64)])
    func aDeviceHasTwoNumbers(device: UInt64, major: UInt64, minor: UInt64) {
      let numbers = status(device: device, file: 7).deviceNumbers
      #expect(numbers.major == major)
      #expect(numbers.minor == minor)
    }
  }
#endif
