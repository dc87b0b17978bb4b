//! Conditions and what they mean. `+` it holds for the event, `-` it does not, `!` it is refused, with a part of the reason
//! behind `#`.

pub(super) const TEXTS: &str = r#"
+ proc.name=cat
+ proc.name = cat
+ proc.name == cat
+ proc.name="cat"
+ proc.name='cat'
- proc.name=Cat
- proc.name=ca
- proc.name=catt
- proc.name=""
+ group.name=""
+ group.name = ''
- group.name!=""
+ proc.name!=dog
- proc.name!=cat
+ proc.name in (cat)
+ proc.name in (dog, cat)
+ proc.name in ("dog","cat")
+ proc.name in (dog,'cat' )
+ proc.name in( cat )
- proc.name in (dog, cow)
- proc.name in ()
- proc.name in (Cat)
+ proc.name intersects (dog, cat)
- proc.name intersects (dog)
+ proc.args intersects ("-n /etc/shadow")
- proc.args intersects ("-n")
+ proc.name exists
- proc.pname exists
- proc.pname=cat
- proc.pname!=cat
- proc.pname in (cat)
- proc.pname contains c
- proc.pname startswith c
- proc.pname pmatch (/etc)
- proc.pname < z
+ not proc.pname=cat
+ not proc.pname exists
+ not proc.pname in (cat)
+ proc.cmdline contains shadow
+ proc.cmdline contains "n /e"
- proc.cmdline contains Shadow
+ proc.cmdline contains ""
- proc.cmdline contains "cat -n /etc/shadow "
+ proc.cmdline icontains SHADOW
+ proc.env icontains http_proxy
+ proc.env icontains "BIN HTTP"
- proc.env icontains https_proxy
- proc.name icontains catt
+ proc.name icontains ""
+ proc.cmdline startswith "cat "
+ proc.cmdline startswith cat
- proc.cmdline startswith at
- proc.cmdline startswith "CAT"
+ proc.cmdline startswith ""
+ proc.cmdline endswith shadow
- proc.cmdline endswith shado
+ proc.exe endswith cat
- proc.exe endswith /cat
+ proc.cwd endswith \
+ proc.cwd endswith "\\"
+ proc.cwd endswith "\ "
+ fd.name glob /etc/*
+ fd.name glob *shadow
+ fd.name glob /etc/sha?ow
+ fd.name glob "/etc/[rs]hadow"
+ fd.name glob "/etc/[!a-r]hadow"
+ fd.name glob "/etc/[^a-r]hadow"
- fd.name glob "/etc/[!s]hadow"
- fd.name glob /etc
- fd.name glob etc*
+ fd.name glob *
+ fd.name glob /*w
+ fd.name glob "*[[:lower:]]"
- fd.name glob "*[[:digit:]]"
- fd.name glob /ETC/*
+ fd.name iglob /ETC/*
+ fd.name iglob "/etc/[A-Z]HADOW"
- fd.name iglob "/opt/*"
+ fd.name glob "/etc/\\shadow"
+ fd.name glob /etc/\shadow
! fd.name glob "/etc/\shadow" # one of the escapes
+ proc.cwd glob "/srv/\\\\"
+ fd.name regex "/etc/(passwd|shadow)"
- fd.name regex "etc/shadow"
- fd.name regex "/etc/shado"
+ fd.name regex ".*shadow"
+ fd.name regex '/etc/[a-z]{6}'
- fd.name regex '/ETC/.*'
+ fd.name regex '(?i)/ETC/.*'
+ fd.name pmatch (/etc)
+ fd.name pmatch (/etc/)
+ fd.name pmatch (/)
+ fd.name pmatch (/etc/shadow)
+ fd.name pmatch (/usr, /etc)
- fd.name pmatch (/et)
- fd.name pmatch (/etc/shadow/x)
- fd.name pmatch (/usr)
- fd.name pmatch ()
+ fd.name pmatch (/e*)
+ fd.name pmatch (/*/shadow)
+ fd.name pmatch ("/e?c")
- fd.name pmatch (/*/passwd, /x*)
+ fd.name pmatch ("/[a-f]tc")
+ fd.name pmatch /etc
+ proc.name < dog
- proc.name < cat
+ proc.name <= cat
+ proc.name > ca
- proc.name > dog
+ proc.name >= cat
- proc.name >= cau
+ user.name="<NA>"
+ user.name=<NA>
- user.name exists and user.name!=<NA>
+ container.id=host
- container.id != host
+ container.mount.dest[/proc*] exists
+ container.mount.dest[/proc*] = /host/proc
+ container.mount.dest["/proc*"] = /host/proc
- container.mount.dest[/etc] in ("<NA>","N/A")
+ not container.mount.dest[/etc] in ("<NA>","N/A")
+ evt.arg.flags contains O_RDONLY
- evt.arg.flags contains O_TRUNC
+ evt.res=SUCCESS
- evt.res startswith E
+ fd.typechar='f'
- fd.typechar=d
! proc.name bcontains cafe # does not go with a text
! proc.name bstartswith cafe # does not go with a text
! fd.name regex "(" # not a usable regular expression
! fd.name regex "a{1000}{1000}{1000}" # not a usable regular expression
"#;

pub(super) const NUMBERS: &str = r#"
+ fd.num=3
+ fd.num = 3
+ fd.num==3
- fd.num!=3
+ fd.num!=4
+ fd.num>=0
+ fd.num>=3
- fd.num>=4
+ fd.num>2
- fd.num>3
+ fd.num<4
- fd.num<3
+ fd.num<=3
- fd.num<=2
+ fd.num in (1,2,3)
+ fd.num in (3, 1)
- fd.num in (1, 2)
- fd.num in ()
+ fd.num intersects (3)
+ fd.num exists
+ fd.num=0x3
+ fd.num=0X03
+ fd.num=+3
+ fd.num=3.0
+ proc.duration=5e+9
+ fd.num="3"
+ evt.rawres=-2
+ evt.rawres<0
- evt.rawres>=0
+ evt.rawres in (-2, -11)
+ user.uid=0
- user.uid!=0
+ user.loginuid=-1
+ user.loginuid!=0
- user.loginuid exists and user.loginuid!=-1
+ proc.duration<=5000000000
- proc.duration<5000000000
+ proc.tty!=0
+ proc.vpid=1
- proc.sid exists
- proc.sid=0
- proc.sid!=0
+ not proc.sid=0
+ evt.num>=0
+ evt.num>0
+ evt.num!=0
- evt.num=0
- evt.num<0
- evt.num<1
+ evt.num=17
- evt.num in (0)
! fd.num=abc # expected a whole number, found `abc`
! fd.num=3.5 # expected a whole number
! fd.num=99999999999999999999 # expected a whole number
! fd.num in (1,x) # found `x`
! fd.num contains 3 # `contains` does not go with a number
! fd.num startswith 3 # does not go with a number
! fd.num endswith 3 # does not go with a number
! fd.num glob 3* # does not go with a number
! fd.num regex 3 # does not go with a number
! fd.num pmatch (3) # `pmatch` does not go with a number
! proc.duration=5s # expected nanoseconds
! fd.num= # expected a value
"#;

pub(super) const FLAGS_AND_BYTES: &str = r#"
+ evt.is_open_read=true
- evt.is_open_read=false
- evt.is_open_read!=true
+ evt.is_open_read!=false
+ evt.is_open_read in (true, false)
- evt.is_open_read in (false)
+ evt.is_open_read exists
+ evt.is_open_write=false
- container.privileged=true
- container.privileged=false
- container.privileged!=true
+ not container.privileged=true
! evt.is_open_read=1 # expected `true` or `false`, found `1`
! evt.is_open_read=True # expected `true` or `false`
! evt.is_open_read contains t # does not go with a field that is true or false
! evt.is_open_read > false # does not go with
! evt.is_open_read intersects (true) # does not go with
+ evt.buffer bcontains cafebabe
+ evt.buffer bcontains FEBA
+ evt.buffer bstartswith cafe
- evt.buffer bstartswith febabe
- evt.buffer bcontains deadbeef
+ evt.buffer contains GET
+ evt.buffer icontains get
+ evt.buffer endswith GET
+ evt.buffer startswith "\xca\xfe"
+ evt.buffer exists
! evt.buffer bcontains cafeb # expected bytes in hexadecimal
! evt.buffer bcontains xyz1 # expected bytes in hexadecimal
! evt.buffer glob * # does not go with bytes
! evt.buffer > a # does not go with bytes
"#;

pub(super) const SEVERAL: &str = r#"
+ proc.aname=sshd
+ proc.aname=systemd
- proc.aname=cat
+ proc.aname in (nginx, sshd)
- proc.aname in (nginx, httpd)
+ proc.aname!=sshd
+ proc.aname contains stem
+ proc.aname startswith sys
+ proc.aname exists
+ proc.aname intersects (bash)
- not proc.aname=sshd
+ proc.aname[1]=bash
+ proc.aname[2]=sshd
- proc.aname[1]=sshd
- proc.aname[3] exists
- proc.aname[3]!=x
+ proc.aname[2] in (sshd, login)
+ fd.types intersects (file)
+ fd.types in (file, ipv4, pipe)
- fd.types in (file)
- fd.types intersects (pipe)
+ fd.types contains ipv
! proc.aname[x]=a # takes a number in [ ]
! proc.name[1]=a # takes nothing in [ ]
! container.mount.dest=a # needs an argument in [ ]
! proc.aname[=a # expected ]
! proc.aname[]=a # expected an argument in [ ]
"#;

pub(super) const LOGIC: &str = r#"
+ proc.name=cat and fd.num=3
- proc.name=cat and fd.num=4
+ proc.name=dog or fd.num=3
- proc.name=dog or fd.num=4
+ proc.name=cat or fd.num=4 and fd.num=5
- (proc.name=cat or fd.num=4) and fd.num=5
+ fd.num=5 and fd.num=4 or proc.name=cat
- fd.num=5 and (fd.num=4 or proc.name=cat)
+ not fd.num=4 and proc.name=cat
- not fd.num=3 or proc.name=dog
+ not fd.num=4 or fd.num=4
- not (fd.num=4 or proc.name=cat)
+ not(fd.num=4 and proc.name=cat)
+ not not proc.name=cat
- not not not proc.name=cat
+ not (not (proc.name=cat))
+ ((((proc.name=cat))))
+ ( proc.name=cat )
+ (proc.name=cat)and(fd.num=3)
+ (proc.name=dog)or(fd.num=3)
+ proc.name=cat and(fd.num=3)
+ proc.name=cat and not fd.num=4 and not proc.name=dog
+ fd.num=1 or fd.num=2 or fd.num=3
+ evt.type=openat and proc.name=cat
+ evt.type in (open,openat,openat2) and fd.num>=0
- evt.type=open
- evt.type!=openat
+ evt.type!=open
+ evt.type!=execve and proc.name=cat
- evt.type in (execve, execveat)
+ not evt.type=open
+ not (evt.type=open or proc.name=dog)
+ evt.type startswith open
+ evt.type contains pen
- evt.type endswith pen
+ evt.type glob open*
+ evt.type regex "open(at)?2?"
+ evt.type exists
- evt.type=execve or (evt.type=openat and fd.num=4)
+ evt.type=execve or (evt.type=openat and fd.num=3)
+ evt.dir=<
- evt.dir=>
+ evt.dir in (<)
- evt.dir!=<
! evt.type=opent # unknown kind of event `opent`
! evt.type in (open, nope) # unknown kind of event `nope`
! proc.nam=cat # unknown field `proc.nam`
! evt.arg.nope=1 # unknown field `evt.arg.nope`
! proc.name # expected an operator
! proc.name cat # expected an operator
! proc.name=cat and # expected a field
! and proc.name=cat # expected a field
! proc.name=cat or or fd.num=3 # expected a field
! (proc.name=cat # this `(` is never closed
! proc.name=cat) # expected `and`, `or` or the end
! proc.name=cat fd.num=3 # expected `and`, `or` or the end
! proc.name="cat # expected a closing "
! proc.name='cat # expected a closing '
! proc.name="\q" # expected one of the escapes
! proc.name="\xg0" # expected one of the escapes
! proc.name in (cat # expected `,` or `)` in a list
! proc.name in (cat,) # expected
! proc.name contains # expected an operator
! proc.name=cat andfd.num=3 # expected `and`, `or` or the end
! nomacro # there is no macro `nomacro`
! proc.name=cat and nomacro # there is no macro `nomacro`
"#;

pub(super) const NETWORK: &str = r#"
+ fd.sip=10.1.2.3
+ fd.sip="10.1.2.3"
- fd.sip=10.1.2.4
- fd.sip!=10.1.2.3
+ fd.sip!=10.1.2.4
+ fd.sip in (10.1.2.4, 10.1.2.3)
+ fd.sip intersects (10.1.2.3)
+ fd.sip=::ffff:10.1.2.3
- fd.sip=2001:db8::1
+ fd.sip!=2001:db8::1
+ fd.rip=2001:db8::1
+ fd.rip="2001:0db8:0::1"
- fd.rip=10.1.2.3
+ fd.rip!=10.1.2.3
+ fd.lip=169.254.169.254
+ fd.lip="::ffff:169.254.169.254"
- fd.lip!=169.254.169.254
+ fd.lnet=169.254.0.0/16
+ fd.ip=10.1.2.3
+ fd.ip=192.168.0.5
- fd.ip=1.1.1.1
- fd.ip!=10.1.2.3
- fd.ip!=192.168.0.5
+ fd.ip!=1.1.1.1
+ fd.ip in (1.1.1.1, 192.168.0.5)
- fd.ip in (1.1.1.1)
+ fd.net=10.0.0.0/8
+ fd.net=192.168.0.0/16
- fd.net=172.16.0.0/12
- fd.net!=10.0.0.0/8
+ fd.net!=172.16.0.0/12
+ fd.net in (10.0.0.0/8, 1.0.0.0/8)
- fd.net in (172.16.0.0/12, 10.0.0.0/8)
+ fd.snet=10.0.0.0/8
+ fd.snet in (172.16.0.0/12, 10.0.0.0/8)
+ fd.snet in ("172.16.0.0/12", "10.0.0.0/8")
- fd.snet in (172.16.0.0/12, 192.168.0.0/16)
+ not fd.snet in (172.16.0.0/12)
- fd.cnet=10.0.0.0/8
+ fd.cnet!=10.0.0.0/8
+ fd.cnet=192.168.0.5
- fd.rnet=0.0.0.0/0
+ fd.rnet!=0.0.0.0/0
+ fd.rnet=2001:db8::/32
+ fd.snet=0.0.0.0/0
+ fd.sip exists
+ fd.ip exists
+ fd.sport=443
+ fd.sport=https
- fd.sport=http
+ fd.sport in (80, 443)
+ fd.sport in (http, https)
+ fd.sport>=443 and fd.sport<=443
- fd.sport!=443
+ fd.port=443
+ fd.port=50000
- fd.port=80
- fd.port!=443
- fd.port!=50000
+ fd.port!=80
+ fd.port in (80, 443)
- fd.port in (80, 81)
+ fd.port>49999
+ fd.cport=50000
+ fd.l4proto=tcp
- fd.lport=443
- fd.lport!=443
! fd.sip=10.1.2 # expected an IP address, found `10.1.2`
! fd.sip=10.0.0.0/8 # expected an IP address
! fd.sip=localhost # expected an IP address
! fd.snet=10.0.0.0/33 # expected a network
! fd.snet contains 10 # does not go with an address
! fd.sip startswith 10 # does not go with an address
! fd.sip > 1.1.1.1 # does not go with an address
! fd.sip pmatch (/) # does not go with an address
! fd.sport=nosuchservice # expected a port
! fd.sport=65536 # expected a port
! fd.sport=-1 # expected a port
"#;

pub(super) const TRANSFORMERS: &str = r#"
+ toupper(proc.name)=CAT
- toupper(proc.name)=cat
+ tolower(proc.env) contains http_proxy
+ tolower(toupper(proc.name))=cat
+ basename(proc.exepath)=cat
+ basename(fd.name) in (shadow, passwd)
+ basename(proc.name)=cat
+ len(proc.name)=3
+ len(proc.name)>2
- len(proc.name)<3
+ len(group.name)=0
+ len(fd.types)=2
+ b64("Y2F0")=cat
+ b64("Y2F0Cg==")="cat\n"
- b64("***") exists
- b64(proc.env) exists
+ concat(proc.name, "-", fd.filename)=cat-shadow
+ concat("a", "b")=ab
- concat(proc.name, proc.pname) exists
+ join("/", ("a", "b", proc.name))=a/b/cat
+ join(",", fd.types)="file,ipv4"
+ join("", ("a"))=a
+ toupper(concat(proc.name, "x"))=CATX
+ getopt(("-n", "-t", "v"), "nt:") intersects (n)
+ getopt(("-n", "-t", "v"), "nt:")[t]=v
- getopt(("-n", "-t", "v"), "nt:")[x] exists
+ getopt(("-nt", "v", "-z"), "nt:") intersects ("?")
+ getopt(("-tv"), "t:")[t]=v
+ getopt(("-t"), "t:")[t]="?"
+ getopt(("-t"), ":t:")[t]=":"
+ getopt(("--exec", "-n"), "n") in (n)
- getopt(("--", "-n"), "n") intersects (n)
- getopt(("x", "-n"), "n") intersects (n)
- tolower(proc.pname)=x
- tolower(proc.pname)!=x
+ not tolower(proc.pname)=x
+ proc.name=val(proc.exe)
- proc.name=val(fd.filename)
+ proc.name!=val(fd.filename)
- proc.name=val(proc.pname)
- proc.name!=val(proc.pname)
+ proc.cmdline startswith val(proc.name)
+ proc.cmdline endswith val(fd.name)
+ proc.cmdline contains val(proc.args)
+ fd.name startswith val( fd.directory )
+ fd.name pmatch val(fd.directory)
+ proc.exepath endswith val(proc.name)
+ fd.filename=basename(fd.name)
+ toupper(proc.name)=toupper(proc.exe)
+ fd.num>val(proc.vpid)
- fd.num<val(proc.vpid)
+ proc.name in val(proc.exe)
+ evt.is_open_read!=val(evt.is_open_write)
+ len(proc.name)=val(fd.num)
"#;

pub(super) const EACH: &str = r#"
+ proc.name startswith oneof (d, c)
- proc.name startswith oneof (d, e)
+ proc.cmdline contains anyof (passwd, shadow)
+ proc.cmdline contains allof (cat, shadow)
- proc.cmdline contains allof (cat, passwd)
+ fd.name endswith oneof ("shadow", "passwd")
+ fd.name glob anyof (/usr/*, /etc/*)
- fd.name glob allof (/usr/*, /etc/*)
+ fd.name regex oneof ("/etc/.*", "/x")
+ proc.name = oneof (dog, cat)
- proc.name = allof (dog, cat)
+ proc.name = allof (cat, cat)
- proc.name != allof (dog, cat)
+ proc.name != oneof (dog, cat)
+ proc.env icontains allof (PATH, http)
! proc.name startswith oneof a # expected a list in ( )
! tolower(fd.num)=3 # this transformer takes a text
! len(fd.num)=3 # `len` takes a text or a list
! join(proc.name)=a # `join` takes a separator and a list
! concat(proc.name)=a # `concat` takes two or more texts
! getopt(proc.name, "a")=a # `getopt` takes a list
! getopt(("a"), "a")[ab]=a # must be one character
! tolower(proc.name)[a]=a # takes no argument in [ ]
! tolower(proc.name, proc.exe)=a # takes one argument
! tolower()=a # expected
! proc.name=val(fd.num) # the two sides are of different types
! fd.num=val(proc.name) # the two sides are of different types
! proc.name regex val(proc.exe) # must be written out
! proc.name=val(nofield) # expected a field
! join(",", (("a"), "b"))=a # expected
"#;
