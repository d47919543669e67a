/// Equality, order and collections; see `CELConformanceTables.swift`.
extension ConformanceCase {
    static let equality = table(
        #"""
        # numbers of one kind and across kinds
        3 == 3 => true
        -3 == 3 => false
        3 == 3.0 => true
        4 == 3.0 => false
        3.0 == 3 => true
        3.5 == 3 => false
        3.0 == 3.0e+0 => true
        -3.0 == 3.0 => false
        0.0 == -0.0 => true
        0 == -0.0 => true
        1e3 == 1000 => true
        36028797018963968.0 == 36028797018963968 => true
        36028797018963968 != 36028797018963970.0 => false
        9007199254740993 == 9007199254740993 => true
        # text
        '' == "" => true
        'c' == 'd' => false
        'xyz' == r'xyz' => true
        'xyz' == 'XYZ' => false
        'δέκα' == 'δέκα' => true
        'o' == 'ö' => false
        'Ren\u00E9e' == 'Rene\u0301e' => false
        '\U0001F40D' == '\xef\xbf\xbd' => false
        # null and bool
        null == null => true
        true == true => true
        false == false => true
        false == true => false
        true == false => false
        # different types are never equal
        false == null => false
        0 == null => false
        2.5 == null => false
        '' == null => false
        [] == null => false
        null == 'null' => false
        1 == true => false
        '1' == 1 => false
        'true' == true => false
        [] == '' => false
        [1] == 1 => false
        empty == null => false
        empty == [] => false
        # lists
        [] == [] => true
        [null] == [null] => true
        ['a', 'b', null] == ['a', 'b', 'c'] => false
        [4, 5, 6] == [4, 5, 6] => true
        [4.0, 5, 6.0] == [4, 5.0, 6] => true
        [4.0, 5.1] == [4, 5] => false
        [4, 5, 6] == [4, 6, 5] => false
        ['word'] == ['wOrd'] => false
        ['one'] == [1, 2] => false
        [1, 'zwei', 3] == [1, 2, 3] => false
        [1] == [1.0] => true
        [[1], []] == [[1.0], []] => true
        [1, 2, null] == [1, null, 2] => false
        # maps
        empty == empty => true
        map == map => true
        map == same => true
        map == empty => false
        map.inner == same.inner => true
        map.inner == map => false
        [map] == [same] => true
        # not equal
        20 != 10 => true
        10 != 10 => false
        9000 != 9001.0 => true
        5 != 5e+0 => false
        8.5 != 8.25 => true
        8.5 != 8.5 => false
        'xyz' != '' => true
        'xyz' != 'xyz' => false
        'naïve' != 'naive' => true
        'ίδια' != 'ίδια' => false
        true != false => true
        false != false => false
        null != null => false
        null != false => true
        [] != [2] => true
        [] != [] => false
        [true, false] != [false, true] => true
        [true, false] != [true, false] => false
        [[]] != [[]] => false
        map != same => false
        map != empty => true
        1 != '1' => true
        # one comparison at a time
        1 == 1 == true => !syntax
        (1 == 1) == true => true
        nowhere == nowhere => !missing
        """#)

    static let order = table(
        #"""
        # less
        -2 < 1 => true
        1 < 1 => false
        1.5 < 1.5000001 => true
        -0.0 < 0.0 => false
        'c' < 'd' => true
        '' < 'c' => true
        'Xyz' < 'xYZ' => true
        'xyz' < 'xyzz' => true
        'o' < '\u00F6' => true
        '' < '' => false
        'xyz' < 'xyz' => false
        'x' < 'XY' => false
        'z' < '\u1EBF' => true
        '\uFFFD' < '\U0001F40D' => true
        false < true => true
        true < true => false
        true < false => false
        [1] < [2] => !expression
        map < same => !expression
        null < null => !expression
        'bar' < 512 => !expression
        true < 1 => !expression
        null < 1 => !expression
        3 < 4.0 => true
        3.0 < 4 => true
        3 < 3.0 => false
        3.0 < 3 => false
        3 < 3.5 => true
        9223372036854775807 < -9223372036854777857.0 => false
        9223372036854775807 < 9223372036854777857.0 => true
        # greater
        24 > -24 => true
        1 > 1 => false
        2e+1 > 2e+0 => true
        .88 > 8.8e-1 => false
        'xyz' > 'xYz' => true
        'C' > '' => true
        '' > '' => false
        'β' > 'zeta' => true
        true > false => true
        false > true => false
        false > false => false
        null > null => !expression
        [2] > [1] => !expression
        same > map => !expression
        'bar' > 512 => !expression
        4 > 3.0 => true
        4.0 > 3 => true
        3 > 3.0 => false
        3.0 > 3 => false
        -9223372036854775808 > -9223372036854777857.0 => true
        # at most
        1 <= 2 => true
        2 <= 2 => true
        2 <= -2 => false
        0.0 <= 0.2e-30 => true
        0.0 <= 0e-2 => true
        1.0 <= 0.98 => false
        '' <= '' => true
        '' <= 'c' => true
        'c' <= '' => false
        'xYz' <= 'xyz' => true
        'β' <= 'β' => true
        'c' <= 'β' => true
        'β' <= 'c' => false
        false <= true => true
        false <= false => true
        true <= false => false
        null <= null => !expression
        [1] <= [1] => !expression
        map <= map => !expression
        'bar' <= 512 => !expression
        3 <= 4.0 => true
        3.0 <= 3 => true
        4 <= 3.0 => false
        4.0 <= 3 => false
        -9223372036854775808 <= -9223372036854777857.0 => false
        # at least
        1 >= -1 => true
        998 >= 998 => true
        998 >= 1000 => false
        2e+1 >= 2e+0 => true
        6.674 >= 6.674e+0 => true
        0.999 >= 1.0 => false
        'c' >= '' => true
        '' >= '' => true
        '' >= 'c' => false
        'xyzz' >= 'xyz' => true
        'xyz' >= 'xyzz' => false
        'σ' >= 'σ' => true
        'σ' >= 's' => true
        's' >= 'σ' => false
        true >= false => true
        true >= true => true
        false >= true => false
        null >= null => !expression
        ['z'] >= ['y'] => !expression
        same >= map => !expression
        'bar' >= 1.0 => !expression
        4 >= 3.0 => true
        3.0 >= 3 => true
        2 >= 3.0 => false
        2.0 >= 3 => false
        9223372036854775807 >= 9223372036854777857.0 => false
        nowhere < 1 => !missing
        1 < 2 < 3 => !syntax
        """#)

    static let collections = table(
        #"""
        # joining lists
        [1, 2] + [3, 4] == [1, 2, 3, 4] => true
        [1, 2] + [3, 4] == [3, 4, 1, 2] => false
        [6] + [6] => [6, 6]
        [] + [] => []
        [] + [5, 6] => [5, 6]
        [5, 6] + [] => [5, 6]
        [1] + ['a'] => [1, "a"]
        [1] + 1 => !expression
        [1] - [1] => !expression
        # index
        [4, 5, 6][0] => 4
        [4, 5, 6][0.0] => 4
        [4, 5, 6][2.0] => 6
        [4, 5, 6][0.1] => !missing
        ['bar'][0] => "bar"
        [1, 3, 6, 10, 15][3] => 10
        ['Ada', 'Bo', 'Cy'][2] => "Cy"
        [4, 5, 6][3] => !missing
        [4, 5, 6][-1] => !missing
        [4, 5, 6]['0'] => !missing
        [4, 5, 6][9223372036854775807] => !missing
        [][0] => !missing
        squares[squares[1] + 1] => 4
        mixed[4][0] => 5
        'abc'[0] => !missing
        # in lists
        9 in [] => false
        'b' in ['a', 'b', 'c'] => true
        'a' in ['a', 'b', 'c'] => true
        'c' in ['a', 'b', 'c'] => true
        'd' in ['a', 'b', 'c'] => false
        4 in [6, 5, 4] => true
        4.0 in [6, 5, 4] => true
        4 in [6.0, 5.0, 4.0] => true
        4.5 in [6, 5, 4] => false
        'x' in [1, 'x', null] => true
        'y' in [1, 'x', null] => false
        null in [1, null] => true
        null in [] => false
        true in [1, 'true'] => false
        [1] in [[1], [2]] => true
        3 in mixed => true
        'two' in mixed => true
        !(9 in squares) => false
        1 in 1 => !expression
        'a' in 'abc' => !expression
        1 in null => !expression
        # size
        size([]) => 0
        size([7, 8]) => 2
        size(empty) => 0
        size(map) => 6
        squares.size() => 5
        map.size() => 6
        # maps
        map.one => 1
        map['one'] => 1
        map['o' + 'ne'] => 1
        map.inner.k => "v"
        map['inner']['k'] => "v"
        map.inner['k'] => "v"
        map['inner'].k => "v"
        map.pair => ["a", "b"]
        map.pair[1] => "b"
        map.inner => {"k": "v"}
        map.void => null
        map['null'] => null
        map.three => !missing
        map['three'] => !missing
        empty.a => !missing
        map[0] => !missing
        map[true] => !missing
        map[null] => !missing
        x.anything => !missing
        squares.anything => !missing
        text.anything => !missing
        nothing.anything => !missing
        nowhere.anything => !missing
        # in maps
        'one' in map => true
        'three' in map => false
        'One' in map => false
        'void' in map => true
        9 in empty => false
        1 in map => false
        # presence
        has(map.one) => true
        has(map.three) => false
        has(empty.a) => false
        has(map.inner.k) => true
        has(map.inner.l) => false
        has(map.void) => true
        has(map['inner'].k) => true
        !has(map.three) => true
        has(map.three) || map.one == 1 => true
        has(map.three) ? map.three : 'none' => "none"
        has(map) => !syntax
        has(map['one']) => !syntax
        has(1) => !syntax
        has() => !syntax
        has(map.one, map.two) => !syntax
        """#)
}
