"""The glyph alphabet of the row reader: what it can read, and the classes of every character.

A Hangul syllable is three labels (initial, medial, final: Unicode 15, section 3.12), so a syllable never seen
in training is still read from parts that were; every other character of `SYMBOLS` and `HANJA` is one class
beside the nineteen initials. Every character of the alphabet, and of Hangul the 2,350 of KS X 1001, is one id
of nano's tokenizer. Knows nothing of images, fonts or models.
"""

from __future__ import annotations

from functools import cache

BLANK = 0
INITIALS, MEDIALS, FINALS = 19, 21, 28

#: ASCII, compatibility jamo, and the signs of Korean paper
SYMBOLS = (
    "".join(chr(c) for c in range(0x21, 0x7F))
    + "".join(chr(c) for c in range(0x3131, 0x3164))
    + "·…“”‘’「」『』《》〈〉【】〔〕→←↑↓↔⇒※○●◎□■△▲▽▼◇◆★☆①②③④⑤⑥⑦⑧⑨⑩"
    + "–—×÷±°℃₩€£¥©®™§¶•◦‣✓✔☑☐≤≥≠≈∞∑√µαβγδπλσ²³½㎡㎏㎝㎞"
    + "⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳⑴⑵⑶⑷⑸⑹⑺⑻⑼⑽㉠㉡㉢㉣㉤㉥㉦㉧㉨㉩㉮㉯㉰㉱㉲㉳㈀㈁㈂㈃㈎㈏㈐㈑㈜㉿"
    + "ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩⅪⅫⅰⅱⅲⅳⅴ❶❷❸❹❺▷▶◁◀▪▫☒✕✗❏☎☏☞☜♡♥♣♠♪♬♨⊙◈▣♀♂"
    + "㎜㎎ℓ㎖㎥㎢㏊㎍㎾㎐㎒㎓㏈㎧㎪‰℉Å↗↘↙↖⇔⇐∴∵∠⊥∂∇∫∈⊂∪∩∧∨∀∃¬≡≒θφωμεηρτΔΣΩ⅓⅔¼¾⅛¹⁴ⁿ₁₂"
    + "″′‥〃、。¢¿¡«»†‡ßéèêëáàâäãåçíìîïñóòôöõøúùûüýÉÀÄÖÜÇÑ"
)
#: the 1,800 characters of the Korean schools (kKoreanEducationHanja of Unihan 15, Unicode licence)
HANJA_BASIC = (
    "一丁七丈三上下不丑且世丘丙中丸丹主乃久之乎乘乙九乞也乳乾亂了予事二于云互五井亞亡交亥亦亨享京亭人仁今"
    "介仕他付仙代令以仰仲件任企伏伐休伯伴伸似但位低住佐何余佛作佳使來例侍供依侮侯侵便係促俊俗保信修俱倉個"
    "倍倒候借倣値倫假偉偏停健側偶傍傑備催傲傳債傷傾僅像僚僞僧價儀億儉儒償優元兄充兆先光克免兒入內全兩八公"
    "六兮共兵其具典兼冊再冒冠冥冬冷凍凝凡凶出刀分切刊刑列初判別利到制刷券刺刻則削前剛副割創劃劇劍力功加劣"
    "助努勇勉動務勝勞募勢勤勵勸勿包化北匹區十千午半卑卒卓協南博卜占卯印危却卵卷卽卿厄厚原厥去參又及友反叔"
    "取受叛口古句只叫召可史右司各合吉同名吏吐向君吟否含吸吹吾告周味呼命和咸哀品哉員哭哲唐唯唱商問啓善喜喪"
    "單嗚嘗器嚴囚四回因困固國圍園圓圖團土在地均坐坤垂埋城域執培基堂堅堤報場塊塔塗塞境墓增墨墮墳墻壁壇壓壞"
    "壤士壬壯壽夏夕外多夜夢大天太夫央失夷奇奈奉奏契奔奚奪奬奮女奴好如妃妄妙妥妨妹妻妾姊始姑姓委姦姪姻姿威"
    "娘娛婚婢婦媒嫌子孔字存孝孟季孤孫孰學宅宇守安完宗官宙定宜客宣室宮宰害宴家容宿寂寄寅密富寒察寡寢實寧審"
    "寫寬寶寸寺封射將專尊尋對導小少尖尙尤就尺尾局居屈屋展屛屢層履屬屯山岳岸峯島崇崩嶺巖川州巡工左巧巨差己"
    "已巳巷市布希帝帥師席帳帶常幅幕幣干平年幸幹幼幽幾床序底店庚府度座庫庭庶康庸廉廊廟廢廣廳延廷建弄弊式弓"
    "弔引弘弟弱張強彈形彩影役彼往征待律後徐徑徒得從御復循微徵德徹心必忌忍志忘忙忠快念忽怒思怠急性怨怪恐恒"
    "恕恣恥恨恩恭息悅悔悟悠患悲情惑惜惟惠惡惱想愁愈意愚愛感愧愼慈態慕慘慙慢慣慧慨慮慰慶慾憂憎憐憤憫憲憶懇"
    "應懲懷懸懼戀戊戌成我戒或戚戰戲戶房所手才打托扶批承技抄把抑投抗折抱抵押抽拂拍拒拓拔拘拙招拜拳拾持指挑"
    "振捉捕捨掃授掌排掛掠採探接推提揚換揮援損搖搜携摘播擁擇擊操擔據擧擴攝支收改攻放政故效敍敎敏救敗敢散敦"
    "敬整敵數文斗料斜斤斥斯新斷方於施旅旋族旗旣日旦早旬旱昇昌明昏易昔星映春昨昭是時晚晝晨普景晴智暇暑暖暗"
    "暢暫暮暴曆曉曰曲更書曾替最會月有朋服朔望朝期木未末本朱朴李材村束杯東松板析枕林果枝枯架某染柔柱柳査栗"
    "校株核根格栽桂桃案桑梁梅條梨械棄植楊業極榮構槪樂樓標模樣樹橋機橫檀檢欄權次欲欺歌歎歡止正此步武歲歷歸"
    "死殃殆殉殊殘段殺殿毁母每毒比毛毫氏民氣水氷永求汗汚汝江池決沈沒沙河油治沿況泉泊法波泣泥注泰泳洋洗洞洪"
    "洲活派流浦浩浪浮浴海浸消涉涯涼淑淚淡淨淫深混淸淺添減渡測港渴湖湯源準溪溫滅滯滴滿漁漂漆漏演漠漢漫漸潔"
    "潛潤潮澤激濁濕濟濫濯火災炎炭烈烏焉無然煙照煩熟熱燃燈燒燕營燥燭爆爐爭爲爵父片版牙牛牧物特牽犬犯狀狂狗"
    "猛猶獄獨獲獵獸獻玄率玉王珍珠班現球理琴環瓦甘甚生産用田由甲申男界畏畓留畜畢略番畫異當畿疏疑疫疲疾病症"
    "痛癸登發白百的皆皇皮益盛盜盟盡監盤目盲直相省眉看眞眠眼着睡督睦瞬矢矣知短矯石破硏硬碑碧確磨礎示社祀祈"
    "祕祖祝神祥票祭祿禁禍福禪禮禽禾秀私秋科秒租秩移稀稅程種稱稻稿穀積穫穴究空突窓窮竊立竝竟章童端競竹笑符"
    "第筆等答策算管節範篇築篤簡簿籍米粉粟粧精糖糧系糾紀約紅納純紙級紛素索紫累細終絃組結絕絡給統絲絹經綠維"
    "綱綿緊緖線緣編緩緯練縣縮縱總績繁織繫繼續缺罔罪置罰署罷羅羊美群義羽翁習翼老考者而耐耕耳耶聖聘聞聯聰聲"
    "職聽肅肉肖肝肥肩肯育肺胃背胞胡胸能脅脈脚脣脫腐腦腰腸腹臟臣臥臨自臭至致臺與興舊舌舍舞舟航般船良色花芳"
    "芽苗苟若苦英茂茫茲茶草荒荷莊莫菊菌菜華萬落葉著葬蒙蒸蒼蓄蓋蓮蔬蔽薄薦藏藝藥蘇蘭虎處虛號蛇蜂蜜蝶螢蟲血"
    "衆行術街衛衝衡衣表被裁裂裏裕補裝裳製複襲西要覆見規視親覺覽觀角解觸言訂計討訓記訟訪設許訴詐評詞詠試詩"
    "話該詳誇誌認誓誕誘語誠誤誦說誰課調談請諒論諸諾謀謁謂謙講謝謠謹證識譜警譯議護譽讀變讓讚谷豆豈豐豚象豪"
    "豫貌貝貞負財貢貧貨販貪貫責貯貴買貸費貿賀賃資賊賓賜賞賢賣賤賦質賴贈贊赤走赴起超越趣足距跡路跳踏踐躍身"
    "車軌軍軒軟較載輕輝輩輪輸輿轉辛辨辭辯辰辱農迎近返迫述迷追退送逃逆透逐途通逝速造逢連逮進逸遂遇遊運遍過"
    "道達違遙遞遠遣適遲遵遷選遺避還邊邑那邦邪郊郞郡部郭郵都鄕鄰酉酌配酒醉醜醫釋里重野量金針鈍鉛銀銃銅銘銳"
    "鋼錄錢錦錯鍊鎖鎭鏡鐘鐵鑄鑑鑛長門閉開閏閑間閣閱關防附降限院陣除陰陳陵陶陷陸陽隆隊階隔際障隨險隱隷雁雄"
    "雅集雖雙雜離難雨雪雲零雷電需震霜霧露靈靑靜非面革韓音韻響頂頃項順須頌頗領頭頻題額顔願類顧顯風飛飜食飢"
    "飮飯飽飾養餓餘館首香馬騎騰騷驅驗驚驛骨體高髮鬪鬼魂魚鮮鳥鳳鳴鴻鶴鷄鹽鹿麗麥麻黃黑默點黨鼓鼻齊齒龍龜𮕩"
)
#: others of names, forms and technical words
HANJA_FURTHER = (
    "仇仟佰俸倂偵僑兌凉凱剝剽勳匈匪卍卞叉呂唄唆喉嗜嗣坑坪垈垓埃埈堡塏塡塾墺壹奎奠奢妊妓姙姜姬娟娥娼嫉嬅孃"
    "寇尉尹屍岐岡峙崙嵩嶼巢庵庾弗弼彊彌彬彭徽悌憾戴扁扈抛拉拷拿捏捺揆揭揶揷搬搭撤撥斌斐斡旌旭昊昱昴晃晏晙"
    "晟晤晩晳暎暹曄曜曺札杆杓枚柑柴栓桓桶梧棋棚棟棧椅楚楞楨楷榜槽槿樑樺櫓欽歪殖殲殷毅毆汎汶沂沃沅沌沖泂泄"
    "泓洙津洵浚淇淮淳渠渤渥渼湜湧滉滋潭澈澔濠濬瀅瀉灣灸炅炊炯烋焦煉煜煤煥煽熙熹燁燐燦燮燻爀爾牌牟狼玖玟玧"
    "玹珉珏珣珪珹珽琇琓琛琪琮琯琳瑀瑄瑗瑛瑞瑢瑨瑩瑾璇璋璟璨璿瓊甄甕甫畯畵疆疇疹痍痕痘痢痲痴瘍癌癒癡皐皓盧"
    "盾眷瞻砂砒砲硝硫碇碩磁磊礁祁祐祜禎禧禱秉秦稙稜穆穗窒窟窯竇竣笞筋筒筠箇箋箕箱籃粒粘粲糊紊紐紗絆絢綏綜"
    "綺緇緋締縛縡繃繕繡纖纘罹羌羲翰耆耽耿肢肪胎脂腋腎腔腕腫膀膏膜膨臼艇艦芋芝芬芮芸苑茨荀荏莞菖菩葛葡葵蒐"
    "蒲蓉蔘蔚蔡蔣蔭蕩薛薰藍藤藿蘊虐蛋融蟬衍衷袁裡裴裵褐襄覇診詔詢諄諜諭諮諺謄謨譴豊貰貳賂賄賠賭贖赦趙趨跋"
    "踊蹟軸軾輔輯轄迂迪逋遁遝遡遮邕邢邵郁鄒鄧酊酋酪酬醋釀釗釘釜釣鈗鈺鉉鉢銖鋌鋪錘錠錫鍋鍛鍵鍾鎌鎔鎬鎰鏞鐸"
    "鑽閔閘閥閨闕阻陀陜陞隕隙隣雇雌霞靖鞏鞠鞭韋頊頓頸顆顥颱飼餌餐餠馥馨駁駐駝駿騏驥驪骸髓魅魏魔鮑鯨鰍鳩鴨"
    "鵬鷹麒麟黍黴鼠齡龐"
)
HANJA = HANJA_BASIC + HANJA_FURTHER
_OTHERS = SYMBOLS + HANJA
_OTHER_CLASS = {c: 1 + INITIALS + i for i, c in enumerate(_OTHERS)}
#: blank, nineteen initials, the other characters
FIRST_CLASSES = 1 + INITIALS + len(_OTHERS)
#: label of the medial and final heads where there is no syllable
IGNORE = -100


def common_syllables() -> list[str]:
    """The 2,350 Hangul syllables of KS X 1001."""
    return [chr(c) for c in range(0xAC00, 0xD7A4) if len(chr(c).encode("euc-kr", "ignore")) == 2]


@cache  # asked for every glyph that is drawn
def classes(char: str) -> tuple[int, int, int] | None:
    """(first, medial, final) of one character, None outside the alphabet.

    Medial and final are IGNORE off Hangul.
    """
    index = ord(char) - 0xAC00
    if 0 <= index < INITIALS * MEDIALS * FINALS:
        return 1 + index // (MEDIALS * FINALS), index // FINALS % MEDIALS, index % FINALS
    first = _OTHER_CLASS.get(char)
    return None if first is None else (first, IGNORE, IGNORE)


def character(first: int, medial: int, final: int) -> str:
    """The character of three predicted classes; '' for blank."""
    if first == BLANK:
        return ""
    if first <= INITIALS:
        return chr(0xAC00 + ((first - 1) * MEDIALS + medial) * FINALS + final)
    return _OTHERS[first - 1 - INITIALS]


def readable(text: str) -> str:
    """The text without characters outside the alphabet; spaces stay."""
    return "".join(c for c in text if c == " " or classes(c) is not None)
