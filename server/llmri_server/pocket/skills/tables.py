"""The facts `pocket` is taught."""

CAPITALS = {
    "France": "Paris", "Germany": "Berlin", "Italy": "Rome", "Spain": "Madrid", "Portugal": "Lisbon",
    "England": "London", "Ireland": "Dublin", "Norway": "Oslo", "Sweden": "Stockholm",
    "Finland": "Helsinki", "Denmark": "Copenhagen", "Poland": "Warsaw", "Austria": "Vienna",
    "Hungary": "Budapest", "Greece": "Athens", "Turkey": "Ankara", "Russia": "Moscow",
    "Ukraine": "Kyiv", "Romania": "Bucharest", "Bulgaria": "Sofia", "Serbia": "Belgrade",
    "Croatia": "Zagreb", "Belgium": "Brussels", "Switzerland": "Bern", "Iceland": "Reykjavik",
    "Egypt": "Cairo", "Kenya": "Nairobi", "Ghana": "Accra", "Morocco": "Rabat", "Senegal": "Dakar",
    "Ethiopia": "Addis Ababa", "Nigeria": "Abuja", "Japan": "Tokyo", "China": "Beijing",
    "India": "New Delhi", "Thailand": "Bangkok", "Vietnam": "Hanoi", "Nepal": "Kathmandu",
    "Iran": "Tehran", "Iraq": "Baghdad", "Canada": "Ottawa", "Mexico": "Mexico City",
    "Cuba": "Havana", "Peru": "Lima", "Chile": "Santiago", "Brazil": "Brasilia",
    "Argentina": "Buenos Aires", "Colombia": "Bogota", "Australia": "Canberra",
    "New Zealand": "Wellington",
}  # fmt: skip

FRENCH = {
    "dog": "chien", "cat": "chat", "horse": "cheval", "cow": "vache", "bird": "oiseau",
    "fish": "poisson", "rabbit": "lapin", "wolf": "loup", "bear": "ours", "sheep": "mouton",
    "house": "maison", "door": "porte", "window": "fenetre", "table": "table", "chair": "chaise",
    "bed": "lit", "book": "livre", "key": "cle", "street": "rue", "town": "ville", "bridge": "pont",
    "school": "ecole", "garden": "jardin", "tree": "arbre", "flower": "fleur", "leaf": "feuille",
    "water": "eau", "bread": "pain", "milk": "lait", "cheese": "fromage", "egg": "oeuf",
    "apple": "pomme", "wine": "vin", "salt": "sel", "sugar": "sucre", "soup": "soupe",
    "sun": "soleil", "moon": "lune", "star": "etoile", "sky": "ciel", "sea": "mer", "rain": "pluie",
    "snow": "neige", "wind": "vent", "fire": "feu", "forest": "foret", "river": "fleuve",
    "mountain": "montagne", "king": "roi", "queen": "reine", "man": "homme", "woman": "femme",
    "child": "enfant", "friend": "ami", "brother": "frere", "sister": "soeur", "mother": "mere",
    "father": "pere", "hand": "main", "foot": "pied", "head": "tete", "eye": "oeil",
    "heart": "coeur", "red": "rouge", "blue": "bleu", "green": "vert", "yellow": "jaune",
    "black": "noir", "white": "blanc", "day": "jour", "night": "nuit", "year": "annee",
    "love": "amour", "peace": "paix", "time": "temps", "world": "monde",
}  # fmt: skip

OPPOSITES = {
    "hot": "cold", "big": "small", "tall": "short", "fast": "slow", "happy": "sad", "old": "young",
    "light": "dark", "full": "empty", "rich": "poor", "strong": "weak", "hard": "soft",
    "high": "low", "wet": "dry", "clean": "dirty", "open": "closed", "early": "late",
    "loud": "quiet", "near": "far", "new": "ancient", "right": "wrong", "sweet": "bitter",
    "thick": "thin", "wide": "narrow", "deep": "shallow", "heavy": "weightless", "brave": "afraid",
    "kind": "cruel", "clever": "stupid", "awake": "asleep", "alive": "dead", "first": "last",
    "true": "false", "up": "down", "inside": "outside", "always": "never",
    "start": "finish", "win": "lose", "buy": "sell", "push": "pull", "give": "take",
    "remember": "forget", "smooth": "rough", "sharp": "blunt", "cheap": "expensive",
    "simple": "difficult", "summer": "winter", "beautiful": "ugly",
}  # fmt: skip

SPELLING_WORDS = (
    "cat", "dog", "sun", "map", "pen", "cup", "hat", "box", "bed", "red", "fox", "owl", "bee", "ant",
    "cow", "pig", "hen", "egg", "ice", "oil", "sea", "sky", "day", "arm", "bird", "fish", "frog",
    "wolf", "bear", "deer", "lion", "duck", "goat", "tree", "leaf", "rose", "lake", "rock", "sand",
    "wind", "rain", "snow", "star", "moon", "gold", "iron", "ship", "boat", "road", "wall", "door",
    "roof", "lamp", "desk", "book", "page", "song", "drum", "bell", "cake", "milk", "corn", "rice",
    "salt", "soup", "plum", "pear", "hand", "foot", "nose", "face", "king", "city", "park", "farm",
    "time", "game", "ball", "kite", "coat", "shoe", "horse", "sheep", "mouse", "tiger", "zebra",
    "whale", "eagle", "snake", "grape", "apple", "lemon", "peach", "bread", "honey", "sugar", "water",
    "river", "ocean", "cloud", "storm", "stone", "plant", "grass", "house", "table", "chair", "spoon",
    "knife", "plate", "clock", "paper", "pencil", "music", "piano", "dance", "smile", "dream", "night",
    "light", "green", "white", "black", "brown", "heart", "world", "money", "train", "plane",
)  # fmt: skip
