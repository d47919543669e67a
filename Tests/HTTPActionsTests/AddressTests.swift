import Testing
import WorkflowCore

@testable import HTTPActions

@Suite struct AddressTests {
    @Test(arguments: [
        ("8.8.8.8", "public"), ("2606:4700::1111", "public"), ("127.0.0.1", "loopback"),
        ("127.255.0.9", "loopback"),
        ("::1", "loopback"), ("10.0.0.1", "private"), ("172.16.0.1", "private"), ("172.31.255.255", "private"),
        ("172.32.0.1", "public"), ("192.168.1.1", "private"), ("fc00::1", "private"), ("fdff::1", "private"),
        ("169.254.1.1", "link-local"), ("fe80::1", "link-local"), ("169.254.169.254", "cloud metadata"),
        ("fd00:ec2::254", "cloud metadata"), ("168.63.129.16", "cloud metadata"),
        ("100.64.0.1", "shared (carrier NAT)"),
        ("100.128.0.1", "public"), ("224.0.0.1", "multicast"), ("ff02::1", "multicast"), ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"), ("::", "unspecified"), ("255.255.255.255", "reserved"),
        ("240.0.0.1", "reserved"),
        ("198.18.0.1", "reserved"), ("192.0.2.1", "reserved"), ("2001:db8::1", "reserved"), ("2001::1", "reserved"),
        ("4000::1", "reserved"), ("::ffff:127.0.0.1", "loopback"), ("::ffff:10.0.0.1", "private"),
        ("::ffff:8.8.8.8", "public"), ("::127.0.0.1", "reserved"), ("64:ff9b::7f00:1", "reserved"),
        ("64:ff9b::8.8.8.8", "public"), ("64:ff9b:1::8.8.8.8", "reserved"), ("2002:7f00:1::", "reserved"),
        ("2002:a9fe:a9fe::", "reserved"), ("2002:808:808::", "public"),
    ])
    func `only public unicast addresses are public`(text: String, kind: String) throws {
        #expect(try #require(IPAddress(text)).kind.rawValue == kind)
    }

    @Test(arguments: [
        "0177.0.0.1", "2130706433", "127.1", "0x7f.0.0.1", "127.0.0.1 ", "[::1]", "fe80::1%lo", "", "1.2.3.4.5",
    ])
    func `other ways to write an address are no addresses: names that the look-up decides about`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func `a rule opens what it names, and a wide one neither link-local nor metadata`() throws {
        func allows(_ rule: String, _ address: String) throws -> Bool {
            try #require(AddressRule(rule)).allows(try #require(IPAddress(address)))
        }
        #expect(try allows("loopback", "127.0.0.1") && allows("loopback", "::1") && !allows("loopback", "10.0.0.1"))
        #expect(try allows("private", "10.0.0.1") && !allows("private", "127.0.0.1") && !allows("private", "8.8.8.8"))
        #expect(try allows("public", "8.8.8.8") && !allows("public", "10.0.0.1"))
        #expect(try allows("10.1.0.0/16", "10.1.2.3") && !allows("10.1.0.0/16", "10.2.0.1"))
        #expect(try allows("10.1.0.0/16", "::ffff:10.1.2.3"))
        #expect(try allows("10.1.2.128/25", "10.1.2.129") && !allows("10.1.2.128/25", "10.1.2.127"))
        #expect(try !allows("0.0.0.0/0", "169.254.1.1") && !allows("0.0.0.0/0", "169.254.169.254"))
        #expect(try !allows("169.254.0.0/16", "169.254.169.254") && allows("169.254.0.0/16", "169.254.7.7"))
        #expect(try allows("169.254.169.254", "169.254.169.254") && !allows("private", "fd00:ec2::254"))
        #expect(try !allows("0.0.0.0/0", "0.0.0.0") && !allows("ff00::/8", "ff02::1"))
        #expect(try !allows("127.0.0.0/8", "64:ff9b::7f00:1"))
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0/8", "Public"] {
            #expect(AddressRule(text) == nil, "\(text)")
        }
        #expect(AddressRule("10.0.0.0/8")?.description == "10.0.0.0/8")
    }

    @Test func `plain http goes only to addresses that a rule names; https also to public ones`() throws {
        let publicAddress = try #require(IPAddress("8.8.8.8"))
        #expect(AddressCheck(rules: [], isPlain: false).problem(with: publicAddress) == nil)
        #expect(AddressCheck(rules: [], isPlain: true).problem(with: publicAddress)?.contains("https") == true)
        let named = try #require(AddressRule("8.8.8.0/24"))
        #expect(AddressCheck(rules: [named], isPlain: true).problem(with: publicAddress) == nil)
        #expect(AddressCheck(rules: [.loopback], isPlain: false).problem(with: publicAddress) != nil)
    }

    @Test
    func `a private address is refused unless allowed, by text, by name, or as one of several; nothing is dialled`()
        async throws
    {
        let server = try ScriptedServer(answering: http("200 OK"))
        let port = server.port
        let answers: [(String, [String])] = [
            ("http://127.0.0.1:\(port)", []), ("http://platform.test:\(port)", ["127.0.0.1"]),
            ("https://platform.test:\(port)", ["8.8.8.8", "127.0.0.1"]), ("http://[::ffff:127.0.0.1]:\(port)", []),
            ("http://2130706433:\(port)", ["127.0.0.1"]), ("http://0177.0.0.1:\(port)", ["127.0.0.1"]),
            ("http://platform.test.:\(port)", ["127.0.0.1"]), ("http://169.254.169.254:\(port)", []),
        ]
        for (baseURL, addresses) in answers {
            var setup = Setup(baseURL: baseURL)
            setup.allowed = []
            let action = try setup.action()
            let outcome = try await withActions(testConfiguration(lookUp: { _ in addresses })) {
                await $0.perform(action)
            }
            #expect(outcome.result.error == "address_refused", "\(baseURL)")
            #expect(outcome.result.outcome == .notDone)
            #expect(!outcome.result.isCounted)
            #expect(outcome.evidence["request_head_sent"] == false)
            #expect(outcome.detail.contains("address"))
        }
        #expect(server.connectionCount == 0)
    }

    @Test(arguments: [
        "", "platform.test", "ftp://platform.test", "http://u:p@platform.test", "http://platform.test?x=1",
        "http://platform.test#x", "http://", "http://pla tform.test", "http://platform.test\\@evil.test",
        "http://platform.test%00.evil", "http://[fe80::1%25lo]", "http://platform.test:0",
        "http://platform.test:99999", "http:///x", "file:///etc/passwd",
    ])
    func `a base URL must be plain: no user, query, fragment, other scheme or strange host`(text: String) async throws {
        let outcome = try await perform(Setup(baseURL: text))
        #expect(outcome.result.error == "address_refused")
        #expect(outcome.detail.contains("base URL"))
    }

    @Test func `what a base URL says is what is called`() throws {
        let url = try TargetURL.parse("HTTPS://Platform.Test.:8443/a/b/")
        #expect(url.origin == "https://platform.test:8443" && url.pathPrefix == "/a/b")
        #expect(try TargetURL.parse("https://platform.test:443").origin == "https://platform.test")
        #expect(try TargetURL.parse("http://[::1]:80").origin == "http://[::1]")
        #expect(try TargetURL.parse("http://[::1]:80").host == "::1")
    }
}
