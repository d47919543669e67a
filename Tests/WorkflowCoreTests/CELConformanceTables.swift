/// Cases in the spirit of CEL's public conformance suite, for the part of CEL that definitions use.
extension ConformanceCase {
    static let all = basics + arithmetic + equality + order + logic + strings + collections

    static let basics = table(
        #"""
        # literals
        0 => 0
        0.0 => 0.0
        0e+0 => 0
        0e-5 => 0
        '' => ""
        "" => ""
        r"" => ""
        r'' => ""
        R'' => ""
        '''''' => ""
        """""" => ""
        r'''''' => ""
        r"""""" => ""
        true => true
        false => false
        null => null
        [] => []
        77 => 77
        -9223372036854775808 => -9223372036854775808
        9223372036854775807 => 9223372036854775807
        9223372036854775808 => !syntax
        -9223372036854775809 => !syntax
        0xFF => 255
        0XfF => 255
        0x2AAAAAAA => 715827882
        -0x2AAAAAAA => -715827882
        0x7FFFFFFFFFFFFFFF => 9223372036854775807
        -4.6e+1 => -46.0
        .25 => 0.25
        1.5E3 => 1500
        7e-1 => 0.7
        "?" => "?"
        '\'' => "'"
        "\"" => "\""
        '"' => "\""
        "'" => "'"
        '\\' => "\\"
        r'\' => "\\"
        r"\x41\n" => "\\x41\\n"
        '\x41\X42' => "AB"
        '\101\060' => "A0"
        "\u2713" => "✓"
        "\U0001f40d" => "🐍"
        '\a\b\f\n\r\t\v' => "\u0007\b\f\n\r\t\u000b"
        '\?\`' => "?`"
        '\uD83D' => !syntax
        '\U00110000' => !syntax
        '\q' => !syntax
        'open => !syntax
        [-8] => [-8]
        [1, 'a', true, null, [2.5]] => [1, "a", true, null, [2.5]]
        [1, 2,] => [1, 2]
        [,] => !syntax
        # outside the subset
        1u => !unsupported
        0x1FU => !unsupported
        b'abc' => !unsupported
        B"" => !unsupported
        {} => !unsupported
        {'k': 'v'} => !unsupported
        3 * 4 => !unsupported
        9 / 3 => !unsupported
        9 % 4 => !unsupported
        type(1) => !unknown_function
        'a'.matches('a') => !unknown_function
        # names
        x => 123
        half => 0.5
        text => "Zürich"
        nowhere => !missing
        nowhere || true => true
        true || nowhere => true
        x + x => 246
        (x) => 123
        _x => !missing
        unknown(17) => !unknown_function
        for => !syntax
        if => !syntax
        package => !syntax
        map.in => !syntax
        1 2 => !syntax
        1 + => !syntax
        () => !syntax
        1 = 1 => !syntax
        # to int
        int(0) => 0
        int(-31) => -31
        int(-87.65) => -87
        int(2.9) => 2
        int(-2.9) => -2
        int(12.5) => 12
        int(-0.5) => 0
        int(72057594037927936.0) => 72057594037927936
        int(36028797018963968.0) => 36028797018963968
        int(36028797018963969.0) => 36028797018963968
        int(9223372036854775807.0) => !expression
        int(-9223372036854775808.0) => !expression
        int(18446744073709551615.0) => !expression
        int(1e98) => !expression
        int('654') => 654
        int('-9223372036854775808') => -9223372036854775808
        int('9223372036854775808') => !expression
        int('1.5') => !expression
        int('') => !expression
        int('twelve') => !expression
        int([1]) => !expression
        int(null) => !expression
        # to string
        string(321) => "321"
        string(-654) => "-654"
        string(65.25) => "65.25"
        string(-6.5e-3) => "-0.0065"
        string(true) => "true"
        string(false) => "false"
        string('as it is') => "as it is"
        string(null) => !expression
        string([1]) => !expression
        int(string(77)) => 77
        """#)

    static let arithmetic = table(
        #"""
        # ints
        30 + 12 => 42
        30 + (-12) => 18
        -30 + (-12) => -42
        30 - 12 => 18
        30 - (-12) => 42
        -30 - (-12) => -18
        -(30) => -30
        -(-30) => 30
        --30 => 30
        ---30 => -30
        -(0) => 0
        0 + 91 => 91
         91 + 0 => 91
        64 + 36 == 36 + 64 => true
        6 + (14 + 80) == (6 + 14) + 80 => true
        10 - 3 - 2 => 5
        10 - (3 - 2) => 9
        1+2-3+4 => 4
        9223372036854775806 + 1 => 9223372036854775807
        9223372036854775807 + 2 => !expression
        -9223372036854775808 - 2 => !expression
        -9223372036854775808 + (-2) => !expression
        2 - (-9223372036854775807) => !expression
        -(-9223372036854775808) => !expression
        -9223372036854775807 - 1 => -9223372036854775808
        -true => !expression
        -'a' => !expression
        -null => !expression
        -[1] => !expression
        1 + true => !expression
        1 - '1' => !expression
        1 + null => !expression
        # doubles
        3.25 + 14.5 => 17.75
        18.75 + (-8.75) => 10
        -3.125 + (-1.125) => -4.25
        52.0 - 11.0 => 41.0
        40.875 - (-21.0) => 61.875
        -3.875 - (-0.125) => -3.75
        -(3.5) => -3.5
        -(-2.25) => 2.25
        -(0.0) => 0.0
        0.0 + 2.75 => 2.75
         3.5 + 0.0 => 3.5
        6.5 + 2.5 == 2.5 + 6.5 => true
        4.625 + (11.75 + 3.0) == (4.625 + 11.75) + 3.0 => true
        0.1 + 0.2 == 0.3 => false
        0.5 + 0.25 == 0.75 => true
        9007199254740992.0 + 1.0 == 9007199254740992.0 => true
        72057594037927936.0 + 16.0 == 72057594037927952 => true
        # no mixing
        1 + 1.0 => !expression
        1.0 + 1 => !expression
        2.5 - 1 => !expression
        x + half => !expression
        half + 0.5 => 1.0
        """#)

    static let logic = table(
        #"""
        # conditional
        true ? 3 : 4 => 3
        false ? 'left' : 'right' => "right"
        true ? 'text' : 9 => "text"
        false ? 'text' : 9 => 9
        nowhere > 4 ? 'a' : 'b' => !missing
        'text' ? 1 : 2 => !expression
        1 ? 1 : 2 => !expression
        null ? 1 : 2 => !expression
        true ? 1 : nowhere => 1
        false ? nowhere : 2 => 2
        true ? true ? 'a' : 'b' : 'c' => "a"
        false ? 'a' : false ? 'b' : 'c' => "c"
        true || false ? 1 : 2 => 1
        # and
        true && true => true
        false && false => false
        false && true => false
        true && false => false
        false && 64 => false
        'ponies' && false => false
        false && (nowhere > 3 ? false : true) => false
        (nowhere > 3 ? false : true) && false => false
        true && nowhere != 0 => !missing
        nowhere != 0 && true => !missing
        true && 64 => !expression
        'more' && 'less' => !expression
        null && false => false
        null && true => !expression
        nowhere && 1 && false => false
        # or
        true || true => true
        false || false => false
        false || true => true
        true || false => true
        true || 64 => true
        'ponies' || true => true
        true || (nowhere > 3 ? false : true) => true
        (nowhere > 3 ? false : true) || true => true
        false || nowhere != 0 => !missing
        nowhere != 0 || false => !missing
        'more' || 'less' => !expression
        nowhere || 1 || true => true
        map.absent == 1 || true => true
        # precedence
        true || false && false => true
        (true || false) && false => false
        false && true || true => true
        !false && false => false
        !(false && false) => true
        1 + 1 == 2 && 2 - 1 == 1 => true
        # not
        !true => false
        !false => true
        !!false => false
        !(1 == 2) => true
        !0 => !expression
        !'a' => !expression
        !null => !expression
        !nowhere => !missing
        yes && !no => true
        """#)

    static let strings = table(
        #"""
        # size counts code points
        size('') => 0
        size('Z') => 1
        size('ß') => 1
        size('five5') => 5
        size('δέκα') => 4
        size('\U0001F40D') => 1
        size('e\u0301') => 2
        'δέκα'.size() => 4
        ''.size() => 0
        size(text) => 6
        size(5) => !expression
        size(null) => !expression
        size(true) => !expression
        # startsWith
        'barbaz'.startsWith('bar') => true
        'barbaz'.startsWith('baz') => false
        ''.startsWith('bar') => false
        'barbaz'.startsWith('') => true
        ''.startsWith('') => true
        'вчера'.startsWith('вч') => true
        '\U0001F40D\U0001F600'.startsWith('\U0001F40D') => true
        'e\u0301'.startsWith('e') => true
        'a'.startsWith('ab') => false
        # endsWith
        'barbaz'.endsWith('baz') => true
        'barbaz'.endsWith('bar') => false
        ''.endsWith('bar') => false
        'barbaz'.endsWith('') => true
        ''.endsWith('') => true
        'liberté'.endsWith('té') => true
        '\U0001F40D\U0001F600'.endsWith('\U0001F600') => true
        # contains
        'goodbye'.contains('dby') => true
        'goodbye'.contains('') => true
        'goodbye'.contains('yb') => false
        'xyxyxyz'.contains('xyxyz') => true
        'Größe'.contains('öß') => true
        '\U0001F40D\U0001F600\U0001F601'.contains('\U0001F600') => true
        ''.contains('anything') => false
        ''.contains('') => true
        text.contains('rich') => true
        5.contains('5') => !expression
        x.contains('1') => !expression
        'a'.contains(1) => !expression
        'a'.contains() => !syntax
        'a'.contains('a', 'b') => !syntax
        # joining
        'wel' + 'come' => "welcome"
        'come' + ' ' == 'come' => false
        '' + 'xyz' => "xyz"
        'xyz' + '' => "xyz"
        '' + '' => ""
        '£' + 'þ' + 'Ȃ' => "£þȂ"
        'r' + 'ê' + 've' => "rêve"
        'a' + 'þ' + '\U0001F40D' => "aþ🐍"
        '' + 'Σ' + '' => "Σ"
        'a' + 1 => !expression
        'a' + null => !expression
        'a' - 'a' => !expression
        'n=' + string(5) => "n=5"
        # lower case of ASCII alone
        'MiXeD'.lowerAscii() => "mixed"
        'ÑANDÚ'.lowerAscii() => "ÑandÚ"
        ''.lowerAscii() => ""
        'a1-Z'.lowerAscii() => "a1-z"
        1.5.lowerAscii() => !expression
        """#)
}
